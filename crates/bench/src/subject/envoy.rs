//! Envoy with one worker: no access log, no health checks and no retries, which are off unless configured.

use super::certificate::Certificate;
use super::{Plan, Site};

const FILE: &str = "envoy.yaml";

pub(super) fn plan(site: &Site<'_>) -> Plan {
    let port = site.port;
    let tls = site.tls.map_or(String::new(), tls_lines);
    let endpoint = |port| {
        format!(
            "            - {{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}\n"
        )
    };
    let endpoints = site.each(endpoint);
    let config = format!(
        r#"# The Envoy of a benchmark.
stats_config: {{stats_matcher: {{reject_all: true}}}}
static_resources:
  listeners:
    - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: b
                generate_request_id: false
                route_config:
                  virtual_hosts:
                    - {{name: b, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: b, timeout: 0s}}}}]}}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                      dynamic_stats: false
                      suppress_envoy_headers: true
{tls}  clusters:
    - name: b
      type: STATIC
      connect_timeout: 5s
      lb_policy: ROUND_ROBIN
      load_assignment:
        cluster_name: b
        endpoints:
          - lb_endpoints:
{endpoints}"#
    );
    let quiet = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "-c"];
    let main = quiet.map(str::to_owned).into_iter().chain([site.place(FILE)]).collect();
    Plan { config: (FILE, config), main, helper: None }
}

/// What makes a filter chain speak TLS.
fn tls_lines(tls: &Certificate) -> String {
    let (cert, key) = (tls.cert.display(), tls.key.display());
    format!(
        r#"          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_certificates:
                  - {{certificate_chain: {{filename: "{cert}"}}, private_key: {{filename: "{key}"}}}}
"#
    )
}
