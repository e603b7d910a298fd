//! nginx with one worker: connections to the upstreams kept, HTTP/1.1 to them, no files
//! for large bodies (they would cost it more), everything else as it is by default.

use super::{Plan, Site};

const FILE: &str = "nginx.conf";

pub(super) fn plan(site: &Site<'_>) -> Plan {
    let port = site.port;
    let servers = site.each(|port| format!("    server 127.0.0.1:{port};\n"));
    let (listen, lines) = site.tls.map_or(("", String::new()), |tls| {
        let (cert, key) = (tls.cert.display(), tls.key.display());
        (" ssl http2", format!("    ssl_certificate {cert};\n    ssl_certificate_key {key};\n"))
    });
    let folder = site.place("");
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {folder}{name};\n"))
        .concat();
    // Files below a folder of ours can be written by a worker only when it stays who we are.
    let config = format!(
        "daemon off;\nuser root;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {folder}pid;\n\
         error_log {folder}error.log warn;\n\
         events {{ worker_connections 9900; }}\n\
         http {{\n  access_log off;\n{paths}  keepalive_requests 100000000;\n\
         upstream b {{\n{servers}    keepalive 256;\n    keepalive_requests 100000000;\n  }}\n  \
         server {{\n    listen 127.0.0.1:{port}{listen};\n{lines}    location / {{\n      proxy_pass http://b;\n      \
         proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_max_temp_file_size 0;\n    }}\n  }}\n}}\n"
    );
    let main = vec!["-c".to_owned(), site.place(FILE), "-p".to_owned(), folder];
    Plan { config: (FILE, config), main, helper: None }
}
