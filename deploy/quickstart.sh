#!/usr/bin/env bash
# Sets everything up, starts a cluster of three nodes on this machine, deploys the example, and shows it answering.
set -euo pipefail
cd "$(dirname "$0")/.."

name=quick
prefix=172.30.77
example=deploy/examples/getting-started/docker-compose.yml

if [ "$(id -u)" -ne 0 ]; then
  echo "quickstart: run it as root: it makes network namespaces, mounts and cgroups" >&2
  exit 1
fi

show() {
  printf '\n\033[1m$ %s\033[0m\n' "shoal $*"
  shoal "$@"
}
shoal() { node dist/cli/shoal.cjs "$@"; }

bash scripts/setup.sh
# Only npm may need it, for a registry of one's own; every other start of Node would parse it for 30 ms.
unset NODE_EXTRA_CA_CERTS
node dist/cluster/cluster.cjs up --name "$name" --prefix "$prefix" --nodes 3
export SHOAL_HOST=unix:///var/lib/shoal-clusters/$name/node-1/run/manager.sock

show stack deploy -c "$example" getstartedlab
show stack ls
show stack services getstartedlab
show stack ps getstartedlab
show node ls

printf '\nThe published port answers on every node:\n'
for host in 11 12 13; do
  printf '\n\033[1m$ %s\033[0m\n' "curl http://$prefix.$host:4000/"
  curl -sS --max-time 5 "http://$prefix.$host:4000/"
done

cat <<TXT

The cluster runs on. Type next:

  export SHOAL_HOST=$SHOAL_HOST
  alias shoal="node $PWD/dist/cli/shoal.cjs"

  shoal stack ps getstartedlab
  sed 's/replicas: 5/replicas: 8/' $example | shoal stack deploy -c - getstartedlab
  DOCKER_HOST=\$SHOAL_HOST docker service ls        (the docker CLI works too)
  shoal stack rm getstartedlab

Stop it, and remove everything it made:

  npm run cluster -- down
TXT
