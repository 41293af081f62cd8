"""What can go wrong between a person and a host, by its code: words that say what to do.

`status` is the HTTP status of it: 422 what was asked for cannot be, 409 something is to be done
first, 429 later, 502 the host, 504 it took too long. `again`: trying again, as it is, may help.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    words: str
    advice: str
    status: int = 502
    again: bool = False


def _input(words: str, advice: str = "") -> Kind:
    return Kind(words, advice, status=422)


# --- Reaching a host ----------------------------------------------------------------------------
_REACHING = {
    "dns_failed": Kind(
        "The host's name is not known", "Check its spelling, or give its address instead.",
        again=True,
    ),
    "connection_refused": Kind(
        "Nothing listens at that port of the host",
        "Is its SSH server running, and is the port right?", again=True,
    ),
    "network_error": Kind(
        "The host cannot be reached", "Check its address, and the network between.", again=True
    ),
    "timeout": Kind(
        "The host does not answer in time",
        "Check its address, port and firewall; then try again.", status=504, again=True,
    ),
    "connection_lost": Kind("The connection to the host was lost", "Try again.", again=True),
    "ssh_error": Kind(
        "The SSH connection failed", "Is it an SSH server of today, at the right port?"
    ),
    "target_refused": _input(
        "Connections to this address are not allowed",
        "Give a host of yours. Addresses of a private network or of this machine need "
        "MCP_SSH_ALLOW_PRIVATE in the settings.",
    ),
    "jump_failed": Kind("The jump host could not be used", "Test the jump host by itself."),
    "host_key_unknown": Kind(
        "The host's key has not been confirmed",
        "Test the host, compare the fingerprint that is shown, and confirm it.", status=409,
    ),
    "host_key_changed": Kind(
        "The host shows another key than the one you confirmed",
        "Somebody may be in between: nothing was sent. Ask whoever runs the host whether its key "
        "was changed; confirm the new fingerprint only if it was.", status=409,
    ),
    "fingerprint_differs": Kind(
        "This is not the fingerprint that the host showed last", "Test the host and compare again.",
        status=409,
    ),
    "password_needed": Kind(
        "The host's key changed: your own password here is needed to confirm the new one",
        "Give it as “password”.", status=403,
    ),
    "host_in_use": Kind(
        "The host is still needed", "Uninstall its servers, or change what is reached through it.",
        status=409,
    ),
    "auth_failed": Kind(
        "The host does not let you in",
        "Check the user name, and that the key is in its authorized_keys, or the password.",
    ),
    "credentials_needed": Kind(
        "This host asks each time", "Give its password or private key, by a test of the host.",
        status=409,
    ),
    "credentials_lost": Kind(
        "What lets you into this host cannot be opened any more", "Enter it again.", status=409
    ),
    "rate_limited": Kind("Too many at once", "Wait a minute.", status=429, again=True),
    "workers_away": Kind(
        "Nobody took this up in time",
        "The workers for SSH are busy or away: try again in a minute.", status=503, again=True,
    ),
    "internal_error": Kind("Something went wrong on our side", "Try again.", 500, again=True),
}  # fmt: skip

# --- What lets in -------------------------------------------------------------------------------
_CREDENTIALS = {
    "bad_key": _input(
        "This is not a private key that can be used",
        "Paste the whole file, from -----BEGIN to -----END.",
    ),
    "bad_passphrase": _input(
        "The private key is locked with another passphrase", "Check the passphrase."
    ),
    "passphrase_needed": _input("The private key is locked", "Give its passphrase, too."),
    "unsupported_key": _input(
        "This kind of key cannot be used",
        "Make one with: ssh-keygen -t ed25519, and add its public half to the host.",
    ),
    "bad_password": _input("The password cannot be used"),
    "bad_host": _input("The host cannot be saved as it is"),
}  # fmt: skip

# --- Folders ------------------------------------------------------------------------------------
_FOLDERS = {
    "no_sftp": Kind(
        "The host has no file transfer (SFTP), so its folders cannot be shown",
        "Type or paste the path of the folder instead.",
    ),
    "path_not_absolute": _input("The path is not absolute", "It has to begin with / or ~/."),
    "bad_path": _input("This path cannot be used"),
    "system_path": _input(
        "This folder belongs to the system",
        "Choose one of your own, such as ~/mcp.",
    ),
    "not_found": Kind("There is no such file or folder on the host", "", status=404),
    "not_a_directory": Kind("This is not a folder", "Choose a folder.", status=422),
    "already_exists": Kind("It exists already", "Choose another name.", status=409),
    "permission_denied": Kind(
        "The host does not let you do that there", "Choose a folder of your own.", status=403
    ),
    "dir_not_writable": Kind(
        "Nothing can be written into this folder", "Choose a folder of your own.", status=422
    ),
    "disk_space": Kind(
        "There is not enough free space in this folder", "Make room, or choose another disk.",
        status=422, again=True,
    ),
    "noexec": Kind(
        "Programs cannot be run from this folder (it is mounted noexec)",
        "Choose a folder on another disk, such as one in your home.", status=422,
    ),
    "dir_not_ours": Kind(
        "The folder holds something that was not put there by an installation",
        "Choose another folder, or move what is in it away.", status=409,
    ),
    "file_error": Kind("The host's file transfer failed", "Try again.", again=True),
}  # fmt: skip

# --- Plans: all of these before anything is sent anywhere ---------------------------------------
_PLANS = {
    "bad_server_json": _input(
        "This is not a server.json that can be used", "See what is said about each field."
    ),
    "not_installable": _input(
        "The catalogue says that this version is not to be installed any more",
        "Choose another version.",
    ),
    "unsupported_package": _input(
        "This server cannot be installed from here",
        "Only packages from PyPI and npm can, in a version that is named.",
    ),
    "unsupported_transport": _input("The way this server speaks is not supported"),
    "unsupported_runtime_arguments": _input(
        "This server wants options for the program that installs it", "These are not supported."
    ),
    "foreign_registry": _input(
        "This server's package is kept somewhere else than in the official registry",
        "Only official registries are used.",
    ),
    "bad_identifier": _input("The name of the package is none that its registry could have"),
    "bad_version": _input(
        "This is not an exact version", "Give one version, such as 1.2.3; no range, no “latest”."
    ),
    "bad_env": _input("This environment variable cannot be set"),
    "bad_argument": _input("This argument cannot be used"),
    "missing_input": _input("Something that the server needs is missing", "Fill it in."),
    "bad_value": _input("A value does not fit"),
    "secret_too_short": _input(
        "A secret is too short to be kept out of the log",
        "It needs 6 characters at least.",
    ),
    "unknown_input": _input("The server has no such argument"),
    "host_not_tested": Kind(
        "It is not known yet what the host has", "Test the host first.", status=409
    ),
    "plan_changed": Kind(
        "The plan is not the one you confirmed any more", "Look at it again.", status=409
    ),
    "server_exists": Kind(
        "This server is installed there already", "Upgrade it, or choose another folder.",
        status=409,
    ),
}  # fmt: skip

# --- Runs ---------------------------------------------------------------------------------------
_RUNS = {
    "probe_failed": Kind(
        "The host did not say what it has",
        "A start-up file of your shell there may end it, or print too much: try ssh by hand.",
    ),
    "unsupported_system": Kind(
        "This kind of system is not supported", "Linux and macOS hosts are."
    ),
    "runtime_missing": Kind(
        "What this server needs is not on the host", "Install it there, then test the host again.",
        status=422,
    ),
    "venv_missing": Kind(
        "The host's Python cannot make environments",
        "Install python3-venv or uv there, then test the host again.", status=422,
    ),
    "venv_failed": Kind("The environment could not be made", "See the end of the log."),
    "package_failed": Kind(
        "The package could not be installed", "See the end of the log.", again=True
    ),
    "no_executable": Kind(
        "The package has no program that could be started", "It may be a library."
    ),
    "handshake_failed": Kind(
        "The program was installed, but does not answer as an MCP server",
        "See the end of the log: it may want an argument or a variable.",
    ),
    "server_babbles": Kind(
        "The server does not keep to the protocol", "See the end of the log.",
    ),
    "port_taken": Kind(
        "The port that the server wants is taken on the host",
        "End what listens there, or give the server another port.", status=409, again=True,
    ),
    "no_tunnel": Kind(
        "The host's SSH server forwards no connections, which this server needs",
        "Allow it there: AllowTcpForwarding in its sshd_config.",
    ),
    "busy": Kind(
        "Something else is being done in this folder, or on this host", "Wait for its end.",
        status=409, again=True,
    ),
    "run_timeout": Kind(
        "The run took too long, and was ended", "See the end of the log; then try again.",
        status=504, again=True,
    ),
    "idle_timeout": Kind(
        "The host was silent for too long, and the run was ended", "Try again.", status=504,
        again=True,
    ),
    "worker_lost": Kind("The worker was lost", "Try again.", again=True),
    "not_again": Kind(
        "Only a run that failed or was cancelled can be tried again", "", status=409
    ),
    "cancelled": Kind("Cancelled", "", status=409, again=True),
}  # fmt: skip

# --- Installed servers --------------------------------------------------------------------------
_SERVERS = {
    "not_installed": Kind("This server is not installed", "Install it first.", status=409),
    "not_in_catalogue": Kind(
        "The catalogue does not know this server any more", "Add its server.json again.", status=409
    ),
    "nothing_before": Kind(
        "There is no older version to go back to",
        "Install the one that you want, by an upgrade to it.", status=409,
    ),
    "secrets_lost": Kind(
        "What was entered for this server cannot be opened any more",
        "Enter it again, by an upgrade.", status=409,
    ),
    "no_such_tool": Kind(
        "The server has no such tool", "Check the server to see what it has.", status=404
    ),
    "bad_arguments": _input("The arguments do not fit the tool"),
    "tool_timeout": Kind("The tool did not answer in time", "Try again.", status=504, again=True),
    "server_changed": Kind(
        "The server is another version by now", "Ask for it again.", status=409
    ),
    "server_gone": Kind(
        "The server ended while it was working", "Try again: it is started anew.", again=True
    ),
}  # fmt: skip

KINDS: dict[str, Kind] = _REACHING | _CREDENTIALS | _FOLDERS | _PLANS | _RUNS | _SERVERS
