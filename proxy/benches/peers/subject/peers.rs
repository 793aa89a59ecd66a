//! The peers and how each is configured: a plain WebSocket proxy with two workers, a quiet log, no timeouts that would end
//! an idle session, and room for as many sessions as its file limit allows. Pushpin is next door.

use std::fs;
use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::pushpin::PUSHPIN;
use super::{Ends, Proxy, WORKERS};

pub(super) const ALL: [(&str, Option<Proxy>); 5] = [
    ("nginx", Some(Proxy { version: &["-v"], ..Proxy::new(nginx) })),
    ("haproxy", Some(Proxy { version: &["-v"], ..Proxy::new(haproxy) })),
    ("envoy", Some(Proxy::new(envoy))),
    ("caddy", Some(Proxy { version: &["version"], ..Proxy::new(caddy) })),
    ("pushpin", Some(PUSHPIN)),
];

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
