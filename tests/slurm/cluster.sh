#!/usr/bin/env bash
# A Slurm cluster on this machine alone, for tests: munged, slurmctld, and two slurmd as nodes of one processor each.
#
#   cluster.sh start DIR    all of it lives in DIR, a new directory with a short name; prints the slurm.conf to export
#   cluster.sh stop DIR
#
# It listens on the loopback only, keeps no accounts, and needs neither systemd nor cgroups; whoever starts it runs it.
set -euo pipefail
umask 022

NODES=2
FIRST_PORT=${PROVENANCE_SLURM_PORT:-26817} # slurmctld; the nodes have those behind it
WAIT=200                                   # tenths of a second that the cluster may take to come up
PATH=$PATH:/usr/sbin

configure() {
  local dir=$1 host user
  host=$(hostname -s) user=$(id -un)
  mkdir -p "$dir"/{munge,state,log,run}
  head -c 128 /dev/urandom >"$dir/munge/key"
  chmod 600 "$dir/munge/key"
  cat >"$dir/slurm.conf" <<END
ClusterName=provenance
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$FIRST_PORT
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
# a requeued job waits until its credential has expired: after 120 s, if nothing is said
AuthInfo=socket=$dir/munge/socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/run/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/%n.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
JobRequeue=1
KillWait=10
ReturnToService=2
END
  local number
  for number in $(seq $NODES); do
    echo "NodeName=node$number NodeHostname=$host NodeAddr=127.0.0.1 Port=$((FIRST_PORT + number)) CPUs=1 RealMemory=8000"
  done >>"$dir/slurm.conf"
  echo "PartitionName=test Nodes=node[1-$NODES] Default=YES MaxTime=60 State=UP" >>"$dir/slurm.conf"
}

start() {
  local dir=$1 number
  configure "$dir"
  export SLURM_CONF=$dir/slurm.conf
  # --force: it would refuse a socket in a directory that others may not enter, which is what temporary ones are
  munged --force --socket="$dir/munge/socket" --key-file="$dir/munge/key" --pid-file="$dir/munge/pid" \
    --log-file="$dir/log/munged" --seed-file="$dir/munge/seed"
  slurmctld
  for number in $(seq $NODES); do
    slurmd -N "node$number"
  done
  for _ in $(seq $WAIT); do
    if [ "$(sinfo --noheader --Node --format=%T 2>>"$dir/log/sinfo" | grep -c '^idle$')" = $NODES ]; then
      echo "$SLURM_CONF"
      return
    fi
    sleep 0.1
  done
  echo "the cluster did not come up; see $dir/log" >&2
  stop "$dir"
  return 1
}

stop() {
  local dir=$1 file
  export SLURM_CONF=$dir/slurm.conf
  scancel --me >/dev/null 2>&1 || true
  for _ in $(seq 100); do # no job may outlive the cluster
    [ -n "$(squeue --noheader 2>/dev/null)" ] || break
    sleep 0.1
  done
  # only processes of this directory: their ids are in it
  local running=()
  for file in "$dir"/run/node*.pid "$dir"/run/slurmctld.pid "$dir"/munge/pid; do
    [ -s "$file" ] && running+=("$(cat "$file")")
  done
  kill "${running[@]}" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "${running[@]}" 2>/dev/null || return 0 # none is left
    sleep 0.1
  done
  kill -9 "${running[@]}" 2>/dev/null || true
}

case "${1:-} ${2:+DIR}" in
"start DIR") start "$(realpath -m "$2")" ;;
"stop DIR") stop "$(realpath -m "$2")" ;;
*)
  echo "usage: $0 start|stop DIR" >&2
  exit 2
  ;;
esac
