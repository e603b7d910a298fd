//! A folder of somebody's own music: what is good is taken in, what is broken costs a warning.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Mutex};

use crate::support::{Replica, TestResult, data, serve_args};
use encore::prepare::{PrepareError, Progress, Refresh, prepare};
use lofty::{
    config::WriteOptions,
    file::TaggedFileExt,
    picture::{MimeType, Picture, PictureType},
    tag::{Accessor, TagExt},
};
use reqwest::Method;
use serde_json::Value;

/// A second of silence as WAV, which carries no tags.
fn untagged_wav() -> Vec<u8> {
    let samples = vec![0_u8; 2 * 8000];
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + samples.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend((samples.len() as u32).to_le_bytes());
    wav.extend(samples);
    wav
}

/// A FLAC file from the demo, tagged anew and given a picture.
fn tagged_flac(path: &Path) -> TestResult {
    let demo = fs::read_dir(data().join("media"))?.next().ok_or("no demo track")??.path();
    fs::copy(demo, path)?;
    let mut file = lofty::read_from_path(path)?;
    let tag = file.primary_tag_mut().ok_or("no tag")?;
    tag.set_title("Own <b>song</b>".into());
    tag.set_artist("Own Artist".into());
    let png = Picture::unchecked(b"\x89PNG\r\n\x1a\nnot much of a picture".to_vec());
    tag.push_picture(png.mime_type(MimeType::Png).pic_type(PictureType::CoverFront).build());
    tag.save_to_path(path, WriteOptions::default())?;
    Ok(())
}

#[tokio::test]
async fn broken_files_links_and_strangers_are_left_out_with_a_reason() -> TestResult {
    let (library, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let root = library.path();
    fs::create_dir_all(root.join("Field recordings"))?;
    tagged_flac(&root.join("good.flac"))?;
    fs::write(root.join("Field recordings/distant bells.WAV"), untagged_wav())?;
    fs::write(root.join("broken.flac"), b"fLaC and then nonsense")?;
    fs::write(root.join("empty.mp3"), b"")?;
    fs::write(root.join("notes.txt"), b"not music")?;
    symlink("/etc/passwd", root.join("escape.mp3"))?;
    symlink("/", root.join("everything"))?;

    let heard = Mutex::new(Vec::new());
    let args = serve_args(data.path(), &format!("--library {}", root.display()));
    let tracks = prepare(&args.data, Refresh::Library, &|p| heard.lock().expect("no panic").push(p))?;
    assert_eq!(tracks, 2);
    let heard = heard.into_inner()?;
    let skipped: Vec<String> = heard
        .iter()
        .filter_map(|p| if let Progress::Skipped { path, .. } = p { path.file_name() } else { None })
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        skipped.iter().map(String::as_str).collect::<Vec<_>>(),
        ["escape.mp3", "everything", "broken.flac", "empty.mp3"]
    );
    assert!(heard.iter().any(|p| matches!(p, Progress::Untagged { .. })));

    let replica = Replica::start_over(data.path(), &format!("--library {}", root.display())).await;
    let token = replica.login("demo").await;
    let listed: Value = replica.get("/api/tracks").await.json().await?;
    let titles: Vec<&str> =
        listed["tracks"].as_array().into_iter().flatten().filter_map(|t| t["title"].as_str()).collect();
    assert_eq!(titles, ["Own <b>song</b>", "distant bells"]);
    assert_eq!(listed["tracks"][1]["album"], "Field recordings");
    assert_eq!(listed["tracks"][1]["duration_s"], 1.0);
    let cover = replica.get(listed["tracks"][0]["cover"].as_str().ok_or("no cover")?).await;
    assert_eq!((cover.status().as_u16(), cover.headers()["content-type"].to_str()?), (200, "image/png"));
    let wav = listed["tracks"][1]["media"]["url"].as_str().ok_or("no path")?;
    let wav = replica.request(Method::GET, wav).bearer_auth(&token).send().await?;
    assert_eq!(wav.headers()["content-type"], "audio/wav");
    assert!(wav.bytes().await? == untagged_wav());
    Ok(())
}

#[tokio::test]
async fn a_library_can_grow_and_known_tracks_keep_their_ids() -> TestResult {
    let (library, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    fs::write(library.path().join("one.wav"), untagged_wav())?;
    let args = serve_args(data.path(), &format!("--library {}", library.path().display()));
    assert_eq!(prepare(&args.data, Refresh::Library, &|_| {})?, 1);
    let ids = async || -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let tracks: Value = Replica::start_over(data.path(), "").await.get("/api/tracks").await.json().await?;
        Ok(tracks["tracks"].as_array().into_iter().flatten().filter_map(|t| Some(t["id"].as_str()?.into())).collect())
    };
    let before = ids().await?;
    tagged_flac(&library.path().join("two.flac"))?;
    assert_eq!(prepare(&args.data, Refresh::IfNeeded, &|_| {})?, 1, "serving again does not read the library again");
    assert_eq!(prepare(&args.data, Refresh::Library, &|_| {})?, 2);
    let after = ids().await?;
    assert!(after.len() == 2 && after.contains(&before[0]), "{before:?} {after:?}");
    Ok(())
}

#[test]
fn a_library_without_music_is_an_error_that_names_it() -> TestResult {
    let (library, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    fs::write(library.path().join("broken.mp3"), b"nothing")?;
    let args = serve_args(data.path(), &format!("--library {}", library.path().display()));
    let error = prepare(&args.data, Refresh::Library, &|_| {}).expect_err("there is no music");
    assert!(matches!(&error, PrepareError::EmptyLibrary(path) if path == library.path()), "{error}");
    let missing = serve_args(data.path(), "--library /nowhere/at/all");
    let error = prepare(&missing.data, Refresh::Library, &|_| {}).expect_err("there is no such folder");
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    Ok(())
}
