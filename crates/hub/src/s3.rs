//! The status page in a bucket, by the part of S3's interface that everybody speaks: PUT of an object, signed by AWS Signature
//! Version 4. So the page outlives the hub at an address that has nothing to do with it.
//!
//! The bucket is named in the path, which MinIO, Ceph, R2, B2 and AWS itself take. Nothing is deleted: a page of long ago stays.

use crate::faces::{File, Site};
use crate::outbound::{NamedBy, Web, why};
use crate::settings::BucketSettings;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one object may take.
const PUT_WITHIN: Duration = Duration::from_secs(20);
/// What a refusal says of itself, at most, in characters.
const SAID_MAX: usize = 200;
/// Readers of the copy look again after so long.
const CACHE: &str = "public, max-age=30";

/// A bucket, and what is known to lie in it.
#[derive(Debug)]
pub(crate) struct Bucket {
    settings: BucketSettings,
    web: Web,
    written: BTreeMap<String, Bytes>,
}

/// Why an object is not in the bucket.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The request was not made.
    #[error("cannot put {key} into the bucket: {why}")]
    Unsent {
        /// The object.
        key: String,
        /// Why.
        why: String,
    },
    /// The store said no.
    #[error("the bucket does not take {key}: {status}{said}")]
    Refused {
        /// The object.
        key: String,
        /// Its answer.
        status: StatusCode,
        /// Its words.
        said: String,
    },
}

impl Bucket {
    /// An empty memory of this bucket: everything is put anew.
    pub(crate) fn new(settings: BucketSettings, web: Web) -> Self {
        Self { settings, web, written: BTreeMap::new() }
    }

    /// Puts what differs from last time. What one failure leaves out is tried again next time.
    ///
    /// # Errors
    /// The first object that was not taken; those before it are there.
    pub(crate) async fn put(&mut self, site: &Site) -> Result<usize, PutError> {
        let changed: Vec<(&str, &File)> =
            site.files().filter(|(path, file)| self.written.get(*path) != Some(&file.body)).collect();
        for (path, file) in &changed {
            self.put_one(path, file.kind.content_type(), file.body.clone()).await?;
            self.written.insert((*path).to_owned(), file.body.clone());
        }
        Ok(changed.len())
    }

    async fn put_one(&self, path: &str, content_type: &str, body: Bytes) -> Result<(), PutError> {
        let key = format!("{}{path}", self.settings.prefix);
        let unsent = |why: String| PutError::Unsent { key: key.clone(), why };
        let signed = Signed::put(&self.settings, &key, &body, Timestamp::now());
        let request = self.web.request_text(Method::PUT, &signed.url, NamedBy::Service);
        let mut request = request.map_err(|refusal| unsent(refusal.to_string()))?.timeout(PUT_WITHIN);
        for (name, value) in &signed.headers {
            request = request.header(*name, value);
        }
        let request = request.header("content-type", content_type).header("cache-control", CACHE).body(body);
        let response = request.send().await.map_err(|error| unsent(why(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let said: String = response.text().await.unwrap_or_default().chars().take(SAID_MAX).collect();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        Err(PutError::Refused { key, status, said })
    }
}

/// A request's address and the fields that prove who makes it.
struct Signed {
    url: String,
    headers: Vec<(&'static str, String)>,
}

impl Signed {
    /// Signs a PUT (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).
    fn put(bucket: &BucketSettings, key: &str, body: &[u8], now: Timestamp) -> Self {
        let path = format!("/{}/{}", encode(&bucket.bucket), encode(key));
        let host = bucket.endpoint.split_once("://").map_or(bucket.endpoint.as_str(), |(_, host)| host);
        let (at, day) = (now.strftime("%Y%m%dT%H%M%SZ").to_string(), now.strftime("%Y%m%d").to_string());
        let digest = hex(&Sha256::digest(body));
        let mut headers = vec![("x-amz-content-sha256", digest.clone()), ("x-amz-date", at.clone())];
        headers.extend(bucket.session_token.iter().map(|token| ("x-amz-security-token", token.clone())));
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: String = headers.iter().map(|(name, _)| format!(";{name}")).collect();
        let canonical = format!("PUT\n{path}\n\nhost:{host}\n{lines}\nhost{names}\n{digest}");
        let scope = format!("{day}/{}/s3/aws4_request", bucket.region);
        let wanted = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let secret = format!("AWS4{}", bucket.secret_key);
        let key = [day.as_str(), &bucket.region, "s3", "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| mac(&key, part));
        let signature = hex(&mac(&key, &wanted));
        let proof = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders=host{names},Signature={signature}",
            bucket.access_key
        );
        headers.push(("authorization", proof));
        Self { url: format!("{}{path}", bucket.endpoint), headers }
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path as S3 wants it signed: all but unreserved characters and slashes as their bytes.
fn encode(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> BucketSettings {
        BucketSettings {
            endpoint: "https://s3.amazonaws.com".into(),
            bucket: "examplebucket".into(),
            prefix: String::new(),
            region: "us-east-1".into(),
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        }
    }

    /// The day and the keys are those of AWS's examples; the signature was made by botocore 1.44.8 for this very request.
    #[test]
    fn a_put_is_signed_as_aws_wants_it() {
        let now: Timestamp = "2013-05-24T00:00:00Z".parse().expect("a time");
        let signed = Signed::put(&bucket(), "status/test$file.text", b"Welcome to Amazon S3.", now);
        assert_eq!(signed.url, "https://s3.amazonaws.com/examplebucket/status/test%24file.text");
        let of = |name: &str| signed.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        assert_eq!(of("x-amz-date"), Some("20130524T000000Z"));
        assert_eq!(
            of("x-amz-content-sha256"),
            Some("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        );
        assert_eq!(
            of("authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                 SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=847377cc4ef88ea8bdf748d76326c2a98ba447e7d6d634deafba597f305226ea"
            )
        );
    }

    #[test]
    fn keys_are_encoded_byte_by_byte() {
        for (key, encoded) in [("a/b.html", "a/b.html"), ("badge/a~b.svg", "badge/a~b.svg"), ("ü +", "%C3%BC%20%2B")] {
            assert_eq!(encode(key), encoded);
        }
    }
}
