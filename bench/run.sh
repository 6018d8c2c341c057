#!/usr/bin/env bash
# Speed against native Python, as ratios in one run. Meant for an otherwise idle machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh build run interpreter bench
make --no-print-directory all interpreter
unset SHANNON PYTHON_WASI_WASM_PATH
build/shannon run -c 'pass' # translates the interpreter if that was not done before

printf '\n== This machine\n'
sed -n 's/^model name[[:space:]]*: /processor         /p' /proc/cpuinfo | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/\2, \1 of them/'
printf 'memory            %s\n' "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
printf 'load average      %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)"
printf 'system            %s, Linux %s\n' "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" "$(uname -r)"
printf 'native Python     %s (%s)\n' "$(/usr/bin/python3.11 -V)" "$(dpkg-query --show --showformat='${Version}' python3.11)"
printf 'sandboxed Python  %s\n' "$(build/shannon run -c 'import sys; print("Python", sys.version.split()[0])')"
printf 'shannon           %s\n' "$(build/shannon --version)"
printf 'translators       %s; wabt %s\n' "$(clang-19 --version | head -n 1)" "$(dpkg-query --show --showformat='${Version}' wabt)"

printf '\n== Cold: a whole process\n'
python3 -B bench/cold_start.py
printf '\n== Warm: an execution over HTTP\n'
python3 -B bench/warm_execution.py
printf '\n== Throughput\n'
python3 -B bench/throughput.py
printf '\n== Memory and sessions\n'
python3 -B bench/memory.py
printf '\n== Processor-bound programs (target at most 1.6, geometric mean)\n'
python3 -B bench/cpu_bound.py
