# What the checks install for themselves, under LLMGW_CI_CACHE, in versions that are pinned: to be sourced.
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
mkdir -p "$cache"
export PYTHONDONTWRITEBYTECODE=1
# An install that fails inside of `$(…)` ends the script too: what is half there is never taken for ready.
shopt -s inherit_errexit

# venv NAME REQUIREMENTS...: prints where the virtual environment stands.
venv() {
    local name=$1 folder file wanted=()
    shift
    folder=$cache/$name-$(cat "$@" | sha256sum | cut -c1-12)
    if [ ! -e "$folder/ready" ]; then
        python3 -m venv --clear "$folder"
        for file in "$@"; do
            wanted+=(--requirement "$file")
        done
        "$folder/bin/pip" install --quiet "${wanted[@]}" >&2
        touch "$folder/ready"
    fi
    printf '%s' "$folder"
}

# packages NAME PACKAGE_JSON: the same for Node.
packages() {
    local folder
    folder=$cache/$1-$(sha256sum "$2" | cut -c1-12)
    if [ ! -e "$folder/ready" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$2" "$folder/"
        (cd "$folder" && npm install --silent --no-audit --no-fund >&2)
        touch "$folder/ready"
    fi
    printf '%s' "$folder"
}
