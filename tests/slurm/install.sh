#!/usr/bin/env bash
# Installs Slurm and munge from Debian's packages. Starts nothing: `cluster.sh` does. Needs root.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends slurm-wlm munge
