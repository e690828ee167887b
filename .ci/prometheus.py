#!/usr/bin/env python3
"""A real Prometheus reads `/metrics`: prometheus.py BINARY.

Drives the gateway's `demo` model, lets `promtool check metrics` judge the page, has a Prometheus server scrape it, and
asks that server for what was counted. Prometheus is Debian's package, unpacked into $LLMGW_CI_CACHE."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))

from gateway import Gateway, free_port  # noqa: E402

HISTOGRAMS = [
    "gen_ai_client_operation_duration_seconds",
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "gen_ai_client_token_usage",
    "gen_ai_server_request_duration_seconds",
    "gen_ai_server_time_to_first_token_seconds",
    "gen_ai_server_time_per_output_token_seconds",
]


def unpacked() -> pathlib.Path:
    cache = pathlib.Path(os.environ.get("LLMGW_CI_CACHE", os.path.join(tempfile.gettempdir(), "llmgw-ci")), "prometheus")
    if not (cache / "usr/bin/promtool").exists():
        cache.mkdir(parents=True, exist_ok=True)
        fetch = ["apt-get", "download", "-qq", "prometheus"]
        if subprocess.run(fetch, cwd=cache, stderr=subprocess.DEVNULL).returncode:
            subprocess.run(["apt-get", "update", "-qq"], check=True)
            subprocess.run(fetch, cwd=cache, check=True)
        package = max(cache.glob("prometheus_*.deb"))
        subprocess.run(["dpkg", "-x", package.name, "."], cwd=cache, check=True)
    return cache / "usr/bin"


def ask(port: int, query: str) -> float:
    """The sum of what a query finds; 0 if it finds nothing."""
    address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        found = json.load(urllib.request.urlopen(address, timeout=5))["data"]["result"]
    except (urllib.error.URLError, ConnectionError):
        return 0
    return sum(float(sample["value"][1]) for sample in found)


def main() -> int:
    tools, admin, port = unpacked(), free_port(), free_port()
    wrong: list[str] = []
    with Gateway(os.path.abspath(sys.argv[1]), f'server: {{ admin: "127.0.0.1:{admin}" }}\nmodels: {{ over: {{ targets: [broken/m, demo] }} }}\nproviders: {{ broken: {{ type: openai-compatible, base_url: "http://127.0.0.1:1/v1" }} }}\nprices: {{ "demo/*": {{ input: 1, output: 2 }} }}\ndefaults: {{ breaker: {{ min_requests: 1000000, consecutive: 1000000 }} }}\n') as gateway:
        for number in range(20):
            gateway.post({"model": "over" if number % 2 else "demo", "input": f"hello {number}", "stream": number % 3 == 0, "store": False})
        gateway.post({"model": 'what"ever\n', "input": "no"})
        page = urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=5)
        kind, page = page.headers["content-type"], page.read()
        if kind != "text/plain; version=0.0.4; charset=utf-8":
            wrong.append(f"the content type is {kind}")
        judged = subprocess.run([tools / "promtool", "check", "metrics"], input=page, capture_output=True)
        if judged.returncode or judged.stdout or judged.stderr:
            wrong.append(f"promtool: {(judged.stdout + judged.stderr).decode()}")
        with tempfile.TemporaryDirectory() as home:
            config = pathlib.Path(home, "prometheus.yml")
            config.write_text(f"global: {{ scrape_interval: 500ms, scrape_timeout: 500ms }}\nscrape_configs: [{{ job_name: llmgw, static_configs: [{{ targets: ['127.0.0.1:{admin}'] }}] }}]\n")
            command = [tools / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={home}/data", f"--web.listen-address=127.0.0.1:{port}"]
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                for _ in range(150):
                    if ask(port, 'up{job="llmgw"}') == 1:
                        break
                    time.sleep(0.2)
                else:
                    wrong.append("Prometheus does not scrape")
                expected = {"llmgw_requests_total": 21, 'llmgw_requests_total{status="200"}': 20, 'llmgw_requests_total{model="other"}': 1, "llmgw_failovers_total": 10, "llmgw_build_info": 1, "llmgw_inflight": 0}
                expected |= {f"{name}_count": None for name in HISTOGRAMS}
                for query, count in expected.items():
                    found = ask(port, query)
                    if found != count if count is not None else found <= 0:
                        wrong.append(f"{query} is {found}, not {'more than 0' if count is None else count}")
                if ask(port, "llmgw_cost_usd_total") <= 0:
                    wrong.append("nothing cost anything")
            finally:
                server.kill()
                server.wait()
    for line in wrong:
        print(line)
    if not wrong:
        print(f"promtool finds nothing wrong with {len(page.splitlines())} lines; Prometheus has read them")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
