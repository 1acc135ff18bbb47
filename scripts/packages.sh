# What the test command needs of the machine, by Debian's names. To be sourced by bash, in the project's root.

has() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages where that takes no password; otherwise says which are missing.
install_packages() { # PACKAGE…
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    if [ "$(id -u)" != 0 ]; then apt=(sudo -n "${apt[@]}"); fi
    if has apt-get && "${apt[@]}" update >/dev/null 2>&1; then
        echo "installing $*"
        "${apt[@]}" install --no-install-recommends "$@" >/dev/null
    else
        echo "please install these (Debian's names), which can not be done here without a password: $*" >&2
        return 1
    fi
}

# The rules that axe-core checks pages by; crates/test/browser looks for it there.
readonly AXE_VERSION=4.14.1
readonly AXE=.tools/node_modules/axe-core

has_axe() { grep -qs "\"version\": \"$AXE_VERSION\"" "$AXE/package.json"; }

has_browser() { has chromedriver && { has chromium || has google-chrome || has chrome; }; }

# What the browser tests need and is not there.
missing_for_browser() {
    has_browser || echo chromium chromium-driver
    has_axe || has npm || echo npm
}

# What generating and compiling clients of the API needs and is not there.
missing_for_clients() {
    has curl || echo curl
    { has javac && has mvn; } || echo default-jdk-headless maven
    has go || echo golang-go
    has npm || echo nodejs npm
}
