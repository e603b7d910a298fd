//! PROXY protocol headers: read by asking for bytes, as a connection is; never more than a header can have, and nothing of
//! what follows it.

use crate::codec::{BadHeader, Progress, Source, parse_proxy_header};

/// Longest header there is: version 2 with everything that we let a proxy tell.
const HEADER_BYTES_MAX: usize = 16 + 2 * 1024;

/// Reads a header as far as the bytes go.
pub fn proxy_header(data: &[u8]) {
    let Some((outcome, length)) = ask_for(data) else { return };
    assert!(length <= HEADER_BYTES_MAX, "{length} bytes are no header");
    let Ok(source) = outcome else { return };
    // What follows is the client's and changes nothing; what is missing makes it no header.
    let followed = [&data[..length], b"GET / HTTP/1.1\r\n"].concat();
    assert_eq!(ask_for(&followed), Some((Ok(source), length)), "what follows was read as well");
    for cut in 0..length {
        let incomplete = matches!(parse_proxy_header(&data[..cut]), Ok(Progress::Needs(1..)));
        assert!(incomplete, "{cut} of {length} bytes are taken for something else");
    }
}

/// What is read, and from how many bytes; `None` when more has to come.
fn ask_for(data: &[u8]) -> Option<(Result<Source, BadHeader>, usize)> {
    let mut have = 0;
    loop {
        match parse_proxy_header(data.get(..have)?) {
            Ok(Progress::Whole(source)) => return Some((Ok(source), have)),
            Ok(Progress::Needs(more)) => {
                assert!(more > 0, "nothing is asked for, and nothing said");
                have += more;
                assert!(have <= HEADER_BYTES_MAX, "too much is asked for");
            }
            Err(error) => return Some((Err(error), have)),
        }
    }
}
