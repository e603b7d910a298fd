//! The hub's HTTP client: a new connection each time, no redirects of its own, no proxy, and every address by the policy.

use super::{Forbidden, LookUpError, NamedBy, Outbound, Reach};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Url};
use rustls::ClientConfig;
use std::error::Error;

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up an HTTP client")]
pub struct ClientError(#[from] reqwest::Error);

/// Why a request was not even tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The URL is none.
    #[error("{0}")]
    Url(String),
    /// It leads where nobody may go.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// Makes HTTP requests. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Web {
    outbound: Outbound,
    near: Client,
    world: Client,
}

impl Web {
    /// A client that goes where the policy lets it.
    pub(crate) fn new(outbound: Outbound) -> Result<Self, ClientError> {
        Self::speaking(outbound, None)
    }

    /// One that goes where this one goes, and speaks TLS in this way.
    pub(crate) fn believing(&self, tls: ClientConfig) -> Result<Self, ClientError> {
        Self::speaking(self.outbound.clone(), Some(&tls))
    }

    fn speaking(outbound: Outbound, tls: Option<&ClientConfig>) -> Result<Self, ClientError> {
        let client = |reach| {
            let builder = Client::builder()
                .user_agent(concat!("downbeat/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .no_proxy()
                .pool_max_idle_per_host(0)
                .dns_resolver(Names { outbound: outbound.clone(), reach });
            match tls {
                Some(tls) => builder.tls_backend_preconfigured(tls.clone()).build(),
                None => builder.build(),
            }
        };
        let (near, world) = (client(Reach::Near)?, client(Reach::World)?);
        Ok(Self { outbound, near, world })
    }

    /// The policy.
    pub(crate) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// A request of a URL as it was written.
    pub(crate) fn request_text(&self, method: Method, url: &str, by: NamedBy) -> Result<RequestBuilder, Refusal> {
        let url = Url::parse(url).map_err(|error| Refusal::Url(format!("{url:?} is no URL: {error}")))?;
        self.request(method, url, by)
    }

    /// A request, unless the policy forbids the address that the URL names.
    pub(crate) fn request(&self, method: Method, url: Url, by: NamedBy) -> Result<RequestBuilder, Refusal> {
        let host = url.host_str().ok_or_else(|| Refusal::Url(format!("{url} has no host")))?;
        // Addresses are connected to without a look-up: they are judged here, names by the resolver.
        self.outbound.check_address(host, by)?;
        let client = match self.outbound.reach(host, by) {
            Reach::Near => &self.near,
            Reach::World => &self.world,
        };
        Ok(client.request(method, url))
    }
}

/// All errors in a chain, outermost first.
pub(crate) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Why a request was not answered: what the policy says when it was the policy, else what the client says.
pub(crate) fn why(error: &reqwest::Error) -> String {
    let forbidden = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(LookUpError::Forbidden(forbidden)) => Some(forbidden.to_string()),
        _ => None,
    });
    forbidden.unwrap_or_else(|| error.to_string())
}

/// The system's names, without the addresses that are out of reach, and with errors of its own.
#[derive(Debug)]
struct Names {
    outbound: Outbound,
    reach: Reach,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (outbound, reach) = (self.outbound.clone(), self.reach);
        Box::pin(async move {
            let found = super::resolve(name.as_str(), 0).await?;
            let open = outbound.sift(name.as_str(), found, reach).map_err(LookUpError::from)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}
