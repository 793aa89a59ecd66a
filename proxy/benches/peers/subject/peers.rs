//! The peers and how each is configured: a plain WebSocket proxy with two workers, a quiet log, no timeouts that would end
//! an idle session, and room for as many sessions as its file limit allows.

use std::fs;
use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::{Ends, Prepare, WORKERS};

pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Nothing for Belay itself, which is built and not found.
    pub(super) program: Option<&'static str>,
    pub(super) prepare: Prepare,
    pub(super) headers: &'static str,
    /// Makes what clients say in clear into what it takes: another process, which is not measured.
    pub(super) front: Option<Prepare>,
}

pub(super) const ALL: &[Peer] = &[
    Peer { name: "belay", program: None, prepare: belay, headers: "", front: None },
    Peer { name: "belay+filters", program: None, prepare: belay_with_filters, headers: TOKEN, front: None },
    Peer { name: "belay+tls", program: None, prepare: belay_with_tls, headers: "", front: Some(belay_to_tls) },
    Peer { name: "nginx", program: Some("nginx"), prepare: nginx, headers: "", front: None },
    Peer { name: "haproxy", program: Some("haproxy"), prepare: haproxy, headers: "", front: None },
    Peer { name: "envoy", program: Some("envoy"), prepare: envoy, headers: "", front: None },
    Peer { name: "caddy", program: Some("caddy"), prepare: caddy, headers: "", front: None },
];

/// `{"sub":"bench","exp":…}`, signed by HS256 with [`SECRET`], good until the year 2100.
const TOKEN: &str = "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJiZW5jaCIsImV4cCI6NDEwMjQ0NDgwMH0.CdAtwxLXCEGz7s4FIuFWINGIimmEnFGE_8CqGPnZ06E\r\n";
const SECRET: &str = "known to everybody who reads this bench";

fn belay(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    run_belay(program, folder, ends, "", "")
}

const CERTIFICATE: &str = "localhost.pem";
const KEY: &str = "localhost.key";

/// Its clients speak TLS 1.3.
fn belay_with_tls(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).map_err(std::io::Error::other)?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    fs::write(folder.join(KEY), made.signing_key.serialize_pem())?;
    let tls = format!("    tls: {{ min_version: tls1.3, certificates: [{{ cert: {CERTIFICATE}, key: {KEY} }}] }}\n");
    run_belay(program, folder, ends, &tls, "")
}

/// Speaks to it for clients that do not.
fn belay_to_tls(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let Ends { listen, backend, .. } = ends;
    let roots = folder.join(CERTIFICATE);
    let yaml = format!(
        "\
workers: {WORKERS}
listeners:
  - address: {listen}
routes:
  - backend: {{ url: 'wss://{backend}', tls: {{ roots: '{}', server_name: localhost }} }}
",
        roots.display()
    );
    let file = folder.join("front.yaml");
    fs::write(&file, yaml)?;
    let mut command = Command::new(program);
    command.arg("run").arg(file).env("RUST_LOG", "error");
    Ok(command)
}

/// Each looks at every message of the client, and the rate limit at those of the backend too. None ever has anything to
/// say against one: that would be another measurement.
fn belay_with_filters(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let filters = format!(
        "\
filters:
  auth:
    use: auth-jwt
    config:
      keys: [{{ secret: {SECRET} }}]
      refresh: {{ prefix: 'token ' }}
  limit:
    use: rate-limit
    config:
      rules:
        - {{ on: to-backend, rate: 1000000/s }}
        - {{ on: to-client, rate: 1000000/s }}
  breaker:
    use: circuit-breaker
    config: {{ results: 1000, failures: 100, losses: ignore, messages: drop }}
"
    );
    run_belay(program, folder, ends, &filters, "    filters: [auth, limit, breaker]\n")
}

/// One filter, from a file that is there to be replaced.
pub(super) fn belay_counting(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    fs::write(folder.join("count.wasm"), crate::reload::version(0))?;
    let filters = format!("admin: {{ address: \"{}\" }}\nfilters: {{ count: {{ wasm: count.wasm }} }}\n", ends.admin);
    run_belay(program, folder, ends, &filters, "    filters: [count]\n")
}

fn run_belay(program: &Path, folder: &Path, ends: Ends, filters: &str, route: &str) -> Result<Command> {
    let Ends { listen, backend, .. } = ends;
    let yaml = format!(
        "\
workers: {WORKERS}
listeners:
  - address: {listen}
{filters}routes:
  - backend: ws://{backend}
    heartbeat: {{ answer: [websocket, {{ text: {{ ping: ping, pong: pong }} }}] }}
{route}"
    );
    let file = folder.join("belay.yaml");
    fs::write(&file, yaml)?;
    let mut command = Command::new(program);
    command.arg("run").arg(file).env("RUST_LOG", "error");
    Ok(command)
}

fn nginx(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let Ends { listen, backend, .. } = ends;
    let place = folder.display();
    let conf = format!(
        "\
daemon off;
worker_processes {WORKERS};
pid {place}/pid;
error_log stderr crit;
events {{ worker_connections 19900; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  server {{
    listen {listen} backlog=4096 reuseport;
    location / {{
      proxy_pass http://{backend};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }}
  }}
}}
"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, conf)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(file);
    Ok(command)
}

fn haproxy(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let Ends { listen, backend, .. } = ends;
    let conf = format!(
        "\
global
  nbthread {WORKERS}
  maxconn 9900
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
listen bench
  bind {listen} backlog 4096
  server backend {backend}
"
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, conf)?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-q").arg("-f").arg(file);
    Ok(command)
}

fn envoy(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let (listen, backend) = (ends.listen, ends.backend);
    let (listen_port, backend_port) = (listen.port(), backend.port());
    let hcm = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    let conf = format!(
        "\
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {listen_port} }} }}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          \"@type\": {hcm}
          stat_prefix: bench
          stream_idle_timeout: 0s
          upgrade_configs: [{{ upgrade_type: websocket }}]
          http_filters: [{{ name: router, typed_config: {{ \"@type\": {router} }} }}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ['*']
              routes: [{{ match: {{ prefix: / }}, route: {{ cluster: backend, timeout: 0s }} }}]
  clusters:
  - name: backend
    type: STATIC
    circuit_breakers: {{ thresholds: [{{ max_connections: 100000, max_requests: 100000, max_pending_requests: 100000 }}] }}
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {backend_port} }} }} }}
"
    );
    let file = folder.join("envoy.yaml");
    fs::write(&file, conf)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(file).args(["--use-dynamic-base-id", "--log-level", "error", "--concurrency"]);
    command.arg(WORKERS.to_string());
    Ok(command)
}

fn caddy(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let Ends { listen, backend, .. } = ends;
    let conf = format!(
        "\
{{
  admin off
  auto_https off
}}
http://{listen} {{
  bind 127.0.0.1
  reverse_proxy {backend}
}}
"
    );
    let file = folder.join("Caddyfile");
    fs::write(&file, conf)?;
    let mut command = Command::new(program);
    command.arg("run").arg("--adapter").arg("caddyfile").arg("--config").arg(file);
    command.env("GOMAXPROCS", WORKERS.to_string()).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    Ok(command)
}
