import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";

export const STORAGE_SERVERS = ["account", "container", "object"] as const;

export interface Ports {
  readonly keystone: number;
  readonly proxy: number;
  /** A second proxy, with auth v1: one alone would ask Keystone about every token of the other kind. */
  readonly v1Proxy: number;
  readonly account: number;
  readonly container: number;
  readonly object: number;
  readonly memcached: number;
}

/** What Swift's servers call the service with that they ask Keystone about tokens. */
export interface ServiceLogin {
  readonly authUrl: string;
  readonly password: string;
}

/** The size of object that the proxy refuses, small so that it is easily reached. */
export const MAX_OBJECT_BYTES = 24 * 1024 * 1024;

/** An account of auth v1, as SoftLayer had it, which knows nothing of Keystone. */
export const V1_USER = { userName: "lab:ann", password: "v1-password" } as const;

export function fernetKey(): string {
  return `${randomBytes(32).toString("base64url")}=`;
}

export function keystoneConfiguration(folder: string, tokenSeconds: number): string {
  return `
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///${folder}/keystone.db
[token]
provider = fernet
expiration = ${tokenSeconds}
# A token that has ended is not good for anything, not even for a while.
allow_expired_window = 0
[fernet_tokens]
key_repository = ${folder}/fernet
[fernet_receipts]
key_repository = ${folder}/fernet
[credential]
key_repository = ${folder}/credential
[identity]
# The cheapest: the default costs 0.2 s of CPU for each login.
password_hash_rounds = 4
[cache]
enabled = true
# A copy for each reader: what Keystone does to the entries of its default cache breaks S3 keys.
backend = dogpile.cache.memory_pickle
`;
}

/** Swift reads this from a fixed path in /etc; `LAUNCHER` makes it read this one. */
export const SWIFT_CONFIGURATION = `
[swift-hash]
swift_hash_path_suffix = test
swift_hash_path_prefix = test
[storage-policy:0]
name = only
default = yes
[swift-constraints]
max_file_size = ${MAX_OBJECT_BYTES}
`;

/** Arguments: swift.conf, the name of the server, its own configuration. */
export const LAUNCHER = `
import sys
sys.dont_write_bytecode = True
import swift.common.utils
swift.common.utils.SWIFT_CONF_FILE = sys.argv[1]
from swift.common.wsgi import run_wsgi
sys.exit(run_wsgi(sys.argv[3], sys.argv[2] + "-server", verbose=True))
`;

/** Arguments: swift.conf, the folder of the rings, then NAME:PORT of each. One process instead of nine commands. */
export const RING_BUILDER = `
import os, sys
import swift.common.utils
swift.common.utils.SWIFT_CONF_FILE = sys.argv[1]
from swift.common.ring import RingBuilder
folder = sys.argv[2]
try:
    os.setxattr(sys.argv[1], "user.trainyard", b"1")
except OSError as trouble:
    sys.exit("Swift needs user.* extended attributes, which %s does not have: %s" % (folder, trouble))
for name, port in (each.split(":") for each in sys.argv[3:]):
    builder = RingBuilder(2, 1, 0)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "meta": "", "device": "disk",
                     "ip": "127.0.0.1", "port": int(port),
                     "replication_ip": "127.0.0.1", "replication_port": int(port)})
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, name + ".ring.gz"))
`;

function common(folder: string, port: number): string {
  return `
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
# One process that serves by itself, so that ending it ends the server.
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
log_level = WARNING
log_address = ${folder}/there-is-no-syslog
# A machine that is busy with tests is slow and not broken; nothing would bring a listing up to date later.
conn_timeout = 10
node_timeout = 60
container_update_timeout = 60
`;
}

export function storageConfiguration(folder: string, name: (typeof STORAGE_SERVERS)[number], port: number): string {
  return `${common(folder, port)}
devices = ${folder}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`;
}

const SHARED_FILTERS = ["catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "copy"];

function proxyOnly(folder: string, port: number, memcached: number, pipeline: string): string {
  return `${common(folder, port)}
[pipeline:main]
pipeline = ${pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
recoverable_node_timeout = 60
# The only disk must not be left alone for a minute after one slow answer.
error_suppression_interval = 0
error_suppression_limit = 1000000
${SHARED_FILTERS.map((name) => `[filter:${name}]\nuse = egg:swift#${name}`).join("\n")}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcached}
[filter:slo]
use = egg:swift#slo
# Else small segments come one a second.
rate_limit_under_size = 0
[filter:dlo]
use = egg:swift#dlo
rate_limit_after_segment = 100000
rate_limit_segments_per_sec = 100000
`;
}

/** Swift's own small kind of login (TempAuth), which speaks auth v1; like stores of that time without static large objects. */
export function v1ProxyConfiguration(folder: string, ports: Ports): string {
  const pipeline = "catch_errors gatekeeper healthcheck cache listing_formats tempauth bulk copy dlo proxy-server";
  return `${proxyOnly(folder, ports.v1Proxy, ports.memcached, pipeline)}
[filter:tempauth]
use = egg:swift#tempauth
reseller_prefix = V1
user_${V1_USER.userName.replace(":", "_")} = ${V1_USER.password} .admin
`;
}

/**
 * The proxy with Keystone and the S3 layer. The second region of the catalogue is a second space of accounts
 * (`TWO_...`) on the same servers.
 */
export function proxyConfiguration(folder: string, ports: Ports, region: string, login: ServiceLogin): string {
  const service = `
auth_url = ${login.authUrl}
auth_type = password
username = swift
password = ${login.password}
user_domain_name = Default
project_name = service
project_domain_name = Default`;
  const pipeline =
    "catch_errors gatekeeper healthcheck cache listing_formats authtoken s3api s3token keystoneauth bulk copy slo dlo proxy-server";
  return `${proxyOnly(folder, ports.proxy, ports.memcached, pipeline)}
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = ${login.authUrl}
${service}
delay_auth_decision = true
cache = swift.cache
include_service_catalog = false
service_token_roles_required = true
[filter:keystoneauth]
use = egg:swift#keystoneauth
reseller_prefix = AUTH, TWO
operator_roles = admin, member
project_reader_roles = reader
TWO_operator_roles = admin, member
TWO_project_reader_roles = reader
[filter:s3api]
use = egg:swift#s3api
location = ${region}
s3_acl = false
# Small pages, so that there are several of them.
max_bucket_listing = 100
[filter:s3token]
use = egg:swift#s3token
reseller_prefix = AUTH_
delay_auth_decision = true
auth_uri = ${login.authUrl}
http_timeout = 10.0
secret_cache_duration = 60
${service}
`;
}
