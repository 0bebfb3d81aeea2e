#!/usr/bin/env bash
# The main job, end to end: a certificate authority and three etcd members with TLS in a minijuju model, then use,
# scale up, kill, scale down, with a check after each step. Needs the packed charms (`make charms`).
set -Eeuo pipefail
cd "$(dirname "$0")/.."

export MINIJUJU_HOME=$PWD/target/demo
export PATH=$PWD/target/release:$PATH
work=$MINIJUJU_HOME/client
key=/demo/greeting
value="hello from the demo"
wait_limit=120s

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' reset=$'\e[0m'; else bold= dim= red= reset=; fi

current="starting"
step_started=0
total_started=0

now_ms() { date +%s%3N; }
seconds() { local ms=$(($(now_ms) - $1)); printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100)); }

finish_step() { if [ "$step_started" -ne 0 ]; then echo "${dim}   took $(seconds "$step_started")${reset}"; fi; }
step() { finish_step; current=$1; step_started=$(now_ms); echo; echo "${bold}== $current${reset}"; }
die() { echo "${red}demo failed at \"$current\": $*${reset}" >&2; trap - ERR; exit 1; }
trap 'die "the command on line $LINENO exited with status $?; try \`minijuju status\` and \`minijuju debug-log --replay\` with MINIJUJU_HOME=$MINIJUJU_HOME"' ERR

address_of() { minijuju exec --unit "$1" -- network-get --ingress-address cluster; }

etcdctl_at() { # address, then etcdctl's arguments
  local address=$1; shift
  env -u ETCDCTL_ENDPOINTS ETCDCTL_API=3 etcdctl --endpoints "https://$address:2379" \
    --cacert "$work/etcd_credentials/ca.crt" --cert "$work/etcd_credentials/client.crt" --key "$work/etcd_credentials/client.key" "$@"
}

check_members() { # number of voting members that must be started, asked of etcd itself
  local wanted=$1 list started
  list=$(etcdctl_at "$first" member list)
  started=$(grep -c ', started, .*, false$' <<<"$list" || true)
  echo "$list"
  [ "$started" -eq "$wanted" ] && [ "$(wc -l <<<"$list")" -eq "$wanted" ] ||
    die "expected exactly $wanted started members, and etcd lists the above"
}

check_key() { # address
  local read
  read=$(etcdctl_at "$1" get --print-value-only "$key")
  [ "$read" = "$value" ] || die "the key $key reads \"$read\" through $1, not \"$value\""
  echo "$key through $1: $read"
}

etcd_pid() { minijuju ssh "$1" systemctl show --property MainPID --value etcd; }

# --- a clean start -----------------------------------------------------------------------------------------------
if [ -d "$MINIJUJU_HOME" ]; then scripts/demo-down.sh; fi
mkdir -p "$work"
chmod 0700 "$work"
total_started=$(now_ms)

step "model: a certificate authority and three etcd members"
minijuju add-model demo
minijuju deploy ./target/charms/easyrsa.charm easyrsa
minijuju deploy ./target/charms/etcd.charm etcd -n 3 --config bind_to_all_interfaces=false
minijuju integrate etcd:certificates easyrsa:client
minijuju wait easyrsa etcd --for active --timeout "$wait_limit"

step "status"
minijuju status

step "health action"
minijuju run etcd/0 health

step "client credentials, and plain etcdctl"
minijuju run etcd/0 package-client-credentials
minijuju scp etcd/0:etcd_credentials.tar.gz "$work/"
tar -xzf "$work/etcd_credentials.tar.gz" -C "$work"
first=$(address_of etcd/0)
second=$(address_of etcd/1)
third=$(address_of etcd/2)
etcdctl_at "$first" put "$key" "$value" >/dev/null
check_key "$third"
check_members 3

step "scale up: five members"
minijuju add-unit etcd -n 2
minijuju wait etcd --for active --units 5 --timeout "$wait_limit"
check_members 5
check_key "$second"
minijuju status etcd

step "kill one member's etcd with SIGKILL"
before=$(etcd_pid etcd/1)
minijuju ssh etcd/1 systemctl kill --signal=KILL etcd
for _ in $(seq 1 100); do
  after=$(etcd_pid etcd/1)
  if [ "$after" != 0 ] && [ "$after" != "$before" ] && etcdctl_at "$second" endpoint health >/dev/null 2>&1; then break; fi
  after=
  sleep 0.2
done
[ -n "$after" ] || die "etcd/1 did not come back within 20 s"
echo "etcd/1: process $before was killed, process $after serves"
check_members 5

step "scale down: remove two units"
minijuju remove-unit --no-prompt etcd/3 etcd/4
minijuju wait etcd --for active --units 3 --timeout "$wait_limit"
check_members 3
for address in "$first" "$second" "$third"; do check_key "$address"; done
minijuju status etcd
finish_step
step_started=0

echo
echo "${bold}All of it took $(seconds "$total_started"). The model is still up; try:${reset}"
cat <<TXT
  export MINIJUJU_HOME=$MINIJUJU_HOME PATH=$PWD/target/release:\$PATH
  minijuju status
  minijuju debug-log --replay
  minijuju run etcd/0 health
  minijuju add-unit etcd -n 2 && minijuju wait etcd --units 5
  minijuju deploy ./target/charms/etcd-client.charm client && minijuju integrate client etcd
  make demo-down
TXT
