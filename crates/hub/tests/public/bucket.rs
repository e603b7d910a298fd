//! The page's copy in a bucket: put into moto's S3, which checks every signature by botocore, and read back by boto3.

use crate::packages;
use crate::stage::{self, Stage};
use crate::story;
use downbeat_core::incident::State;
use downbeat_hub::export::to_bucket;
use downbeat_hub::settings::{BucketSettings, CopySettings};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// What may be done before moto asks who it is: what `PREPARE` does.
const FREE_ACTIONS: &str = "4";

/// A user with a key, and a bucket.
const PREPARE: &str = "
import boto3, json, sys
def client(kind):
    return boto3.client(kind, endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='y')
iam = client('iam')
iam.create_user(UserName='hub')
document = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
iam.put_user_policy(UserName='hub', PolicyName='all', PolicyDocument=json.dumps(document))
key = iam.create_access_key(UserName='hub')['AccessKey']
client('s3').create_bucket(Bucket='status')
print(json.dumps([key['AccessKeyId'], key['SecretAccessKey']]))";

/// All objects, with what kind each says it is.
const READ: &str = "
import boto3, json, sys
s3 = boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id=sys.argv[2], aws_secret_access_key=sys.argv[3])
keys = [it['Key'] for it in s3.list_objects_v2(Bucket='status').get('Contents', [])]
got = {key: s3.get_object(Bucket='status', Key=key) for key in keys}
print(json.dumps({key: [it['ContentType'], it['Body'].read().decode()] for key, it in got.items()}))";

/// Ends with the test.
struct Store {
    child: Child,
    url: String,
    python: std::path::PathBuf,
    packages: std::path::PathBuf,
}

impl Drop for Store {
    fn drop(&mut self) {
        // One that has gone already needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Store {
    async fn start() -> Option<Self> {
        let (python, moto) = (packages::program("DOWNBEAT_PYTHON", "python3")?, packages::file("python/moto")?);
        let packages = moto.parent().expect("it lies in a folder").to_owned();
        let (free, url) = stage::listener().await;
        drop(free);
        let port = url.rsplit(':').next().expect("a port").to_owned();
        let child = Command::new(&python)
            .args(["-m", "moto.server", "-p", &port])
            .env("PYTHONPATH", &packages)
            .env("INITIAL_NO_AUTH_ACTION_COUNT", FREE_ACTIONS)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python starts");
        let store = Self { child, url, python, packages };
        while tokio::net::TcpStream::connect(("127.0.0.1", port.parse().expect("a port"))).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(store)
    }

    async fn run(&self, script: &'static str, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.python);
        command.args(["-c", script, &self.url]).args(arguments).env("PYTHONPATH", &self.packages);
        let printed = tokio::task::spawn_blocking(move || packages::output(&mut command)).await.expect("it ends");
        serde_json::from_str(&printed).expect("JSON")
    }

    async fn bucket(&self) -> BucketSettings {
        let keys = self.run(PREPARE, &[]).await;
        let key = |place: usize| keys[place].as_str().expect("a key").to_owned();
        BucketSettings {
            endpoint: self.url.clone(),
            bucket: "status".into(),
            prefix: "public/".into(),
            region: "us-east-1".into(),
            access_key: key(0),
            secret_key: key(1),
            session_token: None,
        }
    }

    async fn objects(&self, bucket: &BucketSettings) -> Value {
        self.run(READ, &[&bucket.access_key, &bucket.secret_key]).await
    }
}

/// A file of the page on disk, once it is there.
async fn on_disk(data: &Path, file: &str) -> String {
    loop {
        match std::fs::read_to_string(data.join("status").join(file)) {
            Ok(text) => return text,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_is_the_page_and_nobody_else_can_write_it() {
    let Some(store) = Store::start().await else { return };
    let bucket = store.bucket().await;
    let mut snapshot = story::in_state(State::Confirmed);
    let page = &mut Arc::make_mut(&mut snapshot.settings).page;
    page.copy = Some(CopySettings { bucket: bucket.clone(), every: Duration::from_secs(1) });
    let stage = Stage::of(snapshot).await;
    // The last file of all that are put, in the order of their names.
    while store.objects(&bucket).await["public/status.js"].is_null() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let objects = store.objects(&bucket).await;
    let index = &objects["public/index.html"];
    assert_eq!(index[0], "text/html; charset=utf-8");
    assert_eq!(index[1].as_str(), Some(on_disk(stage.data(), "index.html").await.as_str()));
    assert!(objects["public/badge/playback.svg"][0] == "image/svg+xml", "{objects}");
    let summary = objects["public/api/v2/summary.json"][1].as_str().expect("a text");
    assert!(serde_json::from_str::<Value>(summary).is_ok_and(|it| it["status"]["indicator"] == "major"));

    let by_hand = BucketSettings { prefix: "by-hand/".into(), ..bucket.clone() };
    let count = to_bucket(stage.data(), by_hand).await.expect("the store takes it");
    let all = store.objects(&bucket).await;
    let put = all.as_object().expect("an object").keys().filter(|key| key.starts_with("by-hand/")).count();
    assert!(put == count && put > 20, "{put} of {count}");

    let stranger = BucketSettings { secret_key: "wrong".into(), ..bucket };
    let refused = to_bucket(stage.data(), stranger).await.expect_err("nobody knows it").to_string();
    assert!(refused.contains("403") && refused.contains("SignatureDoesNotMatch"), "{refused}");
}
