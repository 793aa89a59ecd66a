//! Pushpin, which is four programs and a router of messages between them: its own runner starts them, from one file and a
//! route. Nothing of it has a number of workers to set.

use std::fs;
use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::{Ends, Proxy};

/// Of zurl's requests, in the template that Debian's runner has.
const OPEN_REQUESTS_MAX: usize = 2_000;

pub(super) const PUSHPIN: Proxy = Proxy { sessions_max: OPEN_REQUESTS_MAX, ..Proxy::new(pushpin) };

fn pushpin(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let Ends { listen, backend, admin } = ends;
    let (place, listen_ip, listen_port, admin_port) = (folder.display(), listen.ip(), listen.port(), admin.port());
    let conf = format!(
        "\
[global]
include={{libdir}}/internal.conf
rundir={place}
ipc_prefix=p-
port_offset=0
stats_connection_ttl=120

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port={listen_ip}:{listen_port}
logdir={place}
log_level=0
client_buffer_size=32768
client_maxconn=10000

[proxy]
routesfile={place}/routes
# Where the file above this one has zurl of another Pushpin.
zurl_out_specs=ipc://{place}/p-zurl-in
zurl_out_stream_specs=ipc://{place}/p-zurl-in-stream
zurl_in_specs=ipc://{place}/p-zurl-out

[handler]
push_in_spec=ipc://{place}/p-push
push_in_sub_specs=ipc://{place}/p-sub
push_in_http_addr=127.0.0.1
push_in_http_port={admin_port}
stats_spec=ipc://{place}/p-stats
command_spec=ipc://{place}/p-command
message_rate=1000000
message_hwm=1000000
"
    );
    let file = folder.join("pushpin.conf");
    fs::write(&file, conf)?;
    fs::write(folder.join("routes"), format!("* {backend}\n"))?;
    let mut command = Command::new(program);
    command.arg("--config").arg(file);
    Ok(command)
}
