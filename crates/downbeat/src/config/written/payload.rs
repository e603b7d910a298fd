//! What requests of probes bring along: fields of the head, texts, documents, forms.

use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::value::{FromText, FromValue, mismatch, unexpected};
use downbeat_hub::settings::{HttpMethod, Payload};
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::DeValue;

/// Longest text that a probe says or waits for.
const SAID_MAX: usize = 64 * 1024;

/// What is said on a connection: any characters, line ends too.
pub(super) struct Said(pub(super) String);

impl FromText for Said {
    const EXPECTED: &'static str = "a text such as \"PING\\r\\n\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        match text.len() {
            0 => Err(Complaint::new("the text is empty")),
            length if length > SAID_MAX => Err(Complaint::new(format!("{length} bytes are more than {SAID_MAX}"))),
            _ => Ok(Self(text.into())),
        }
    }
}

/// Header fields to send.
#[derive(Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

impl FromValue for Fields {
    const EXPECTED: &'static str = "fields such as { accept = \"application/json\" }";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let field = |(name, text): (String, String)| {
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            if !is_name || !text.chars().all(|c| c == '\t' || c.is_ascii_graphic() || c == ' ') {
                return Err(Complaint::new(format!("{name:?} with {text:?} is no field of a request")));
            }
            Ok((name.to_ascii_lowercase(), text))
        };
        texts::<Self>(value)?.into_iter().map(field).collect::<Result<_, _>>().map(Self)
    }
}

/// Fields of a form.
struct Form(Vec<(String, String)>);

impl FromValue for Form {
    const EXPECTED: &'static str = "fields such as { user = \"probe\" }";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        texts::<Self>(value).map(Self)
    }
}

/// The pairs of a table of texts.
pub(super) fn texts<T: FromValue>(value: &DeValue<'_>) -> Result<Vec<(String, String)>, Complaint> {
    let table = value.as_table().ok_or_else(|| mismatch::<T>(value))?;
    let pair = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let name: &str = AsRef::<str>::as_ref(name.get_ref());
        let text = value.get_ref().as_str().ok_or_else(|| unexpected("a text between quotes", value.get_ref()))?;
        Ok((name.to_owned(), text.to_owned()))
    };
    table.iter().map(pair).collect()
}

/// A JSON document, written as TOML.
struct Document(Value);

impl FromValue for Document {
    const EXPECTED: &'static str = "a document such as { user = \"probe\", tags = [1, 2] }";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        json(value).map(Self)
    }
}

fn json(value: &DeValue<'_>) -> Result<Value, Complaint> {
    let odd = || Complaint::new("there is no such number in JSON");
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            Value::from(i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| odd())?)
        }
        DeValue::Float(number) => {
            let number = number.as_str().parse().ok().and_then(Number::from_f64);
            Value::Number(number.ok_or_else(odd)?)
        }
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?,
        DeValue::Table(fields) => {
            let field = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                Ok((AsRef::<str>::as_ref(name.get_ref()).to_owned(), json(value.get_ref())?))
            };
            Value::Object(fields.iter().map(field).collect::<Result<Map<_, _>, Complaint>>()?)
        }
    })
}

/// What a request brings along: one of three, and nothing with a method that has no body.
pub(super) fn read_payload(reader: &Reader<'_>, method: HttpMethod) -> Option<Payload> {
    let all = [
        ("send", reader.get::<Said>("send").map(|it| (it.span(), Payload::Text(it.into_inner().0)))),
        ("json", reader.get::<Document>("json").map(|it| (it.span(), Payload::Json(it.into_inner().0)))),
        ("form", reader.get::<Form>("form").map(|it| (it.span(), Payload::Form(it.into_inner().0)))),
    ];
    let mut given = all.into_iter().filter_map(|(key, given)| given.map(|(span, payload)| (key, span, payload)));
    let (key, span, payload) = given.next()?;
    if matches!(method, HttpMethod::Get | HttpMethod::Head) {
        let complaint = Complaint::new(format!("{key}: a {method} has no body"));
        reader.complain(span, complaint.hint("method = \"POST\", or leave it out"));
    }
    for (other, span, _) in given {
        reader.complain(span, Complaint::new(format!("there is {key} and {other}")).hint("keep one of them"));
    }
    Some(payload)
}
