//! The smallest edge: one component in front of some replicas, for trying things by hand.
//!
//! `cargo run --release -p downbeat-edge --example proxy -- 127.0.0.1:8000 http://127.0.0.1:9001 http://127.0.0.1:9002`
//!
//! The admin endpoint listens one port above; with `--cache` behind the address answers are cached; Ctrl-C stops.

use downbeat_core::model::Name;
use downbeat_edge::{
    Balance, CacheSettings, ComponentSettings, EdgeSettings, MAX_IN_FLIGHT, ReplicaSettings, RouteRule, SLOW, WEIGHT,
    start,
};
use std::error::Error;
use std::net::SocketAddr;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let listen: SocketAddr = arguments.next().ok_or("the first argument is the address to listen on")?.parse()?;
    let cached = arguments.next_if(|argument| argument == "--cache");
    let component = Name::new("service")?;
    let mut settings = EdgeSettings::new(Name::new("edge-1")?, listen, std::env::temp_dir().join("downbeat-proxy"));
    settings.admin = Some(SocketAddr::new(listen.ip(), listen.port() + 1));
    settings.drills = true;
    for (i, url) in arguments.enumerate() {
        let (name, region) = (Name::new(&format!("r{}", i + 1))?, Name::new("here")?);
        let (weight, max_in_flight) = (WEIGHT, MAX_IN_FLIGHT);
        settings.replicas.push(ReplicaSettings { name, region, version: None, url, weight, max_in_flight });
    }
    let replicas = settings.replicas.iter().map(|r| r.name.clone()).collect();
    settings.components.push(ComponentSettings {
        name: component.clone(),
        priority: 0,
        slow: SLOW,
        replicas,
        balance: Balance::LeastLoaded,
        per_second: None,
        network_per_second: None,
        cache: cached.map(|_| CacheSettings::default()),
        features: Vec::new(),
    });
    settings.routes.push(RouteRule { component, host: None, prefix: "/".into() });
    let edge = start(settings).await?;
    println!("clients: http://{}", edge.address());
    tokio::signal::ctrl_c().await?;
    edge.stop().await;
    Ok(())
}
