/** Stack files as people write them: many keys at once, in short and long forms, with anchors, nulls and fields of their own. */
export const wholeStacks: Record<string, string> = {
  'proxy, application, database': `version: "3.12"
x-log: &log
  logging: { driver: json-file, options: { max-size: 10m, max-file: "3" } }
x-deploy: &deploy
  restart_policy: { condition: on-failure, delay: 5s, max_attempts: 3, window: 120s }
  update_config: &roll { parallelism: 2, delay: 10s, order: start-first, failure_action: rollback, monitor: 60s, max_failure_ratio: 0.3 }
  rollback_config: { <<: *roll, failure_action: pause }
services:
  proxy:
    <<: *log
    image: traefik:v3.1
    command:
      - --providers.swarm.network=public
      - --entrypoints.web.address=:80
    ports:
      - "80:80"
      - target: 443
        published: 443
        mode: host
      - 8080-8082:8080-8082/tcp
      - "53:53/udp"
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock:ro
      - certificates:/certificates
      - type: tmpfs
        target: /tmp
        tmpfs: { size: 67108864 }
    networks: [public]
    deploy:
      <<: *deploy
      mode: global
      placement: { constraints: ["node.role == manager", node.platform.os==linux] }
      labels:
        - traefik.enable=true
        - traefik.http.routers.api.rule=Host(\`api.\${DOMAIN:-example.org}\`)
  app:
    <<: *log
    image: registry.example.org/team/app:\${TAG:-latest}
    depends_on: [db]
    environment:
      - DB_HOST=db
      - DB_PASSWORD_FILE=/run/secrets/db_password
      - EMPTY=
      - FROM_SHELL
    env_file: [common.env, ./app.env]
    secrets:
      - db_password
      - { source: key, target: /etc/app/key.pem, uid: "1000", gid: "1000", mode: 0400 }
    configs:
      - source: settings
        target: /etc/app/settings.yml
    networks:
      public:
      backend: { aliases: [api, application] }
    healthcheck:
      test: curl -f http://localhost:8080/health || exit 1
      interval: 1m30s
      timeout: 10s
      retries: 3
      start_period: 40s
    user: "1000:1000"
    working_dir: /srv
    stop_grace_period: 1m
    stop_signal: SIGQUIT
    init: true
    read_only: true
    extra_hosts: ["legacy.example.org:10.1.2.3"]
    deploy:
      <<: *deploy
      replicas: 6
      endpoint_mode: vip
      resources:
        limits: { cpus: "1.50", memory: 512M, pids: 100 }
        reservations: { cpus: "0.25", memory: 128M }
      placement:
        max_replicas_per_node: 2
        preferences: [{ spread: node.labels.zone }, { spread: node.labels.rack }]
        constraints: [node.labels.tier!=edge]
  db:
    <<: *log
    image: postgres:16-alpine@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    command: ["postgres", "-c", "max_connections=200"]
    environment: { POSTGRES_DB: app, POSTGRES_PASSWORD_FILE: /run/secrets/db_password, PORT: 5432, DEBUG: }
    volumes:
      - type: volume
        source: data
        target: /var/lib/postgresql/data
        volume: { nocopy: true }
      - type: bind
        source: ./init
        target: /docker-entrypoint-initdb.d
        read_only: true
        bind: { propagation: rslave }
    secrets: [db_password]
    networks: [backend]
    ulimits: { nofile: { soft: 20000, hard: 40000 }, nproc: 65535, memlock: -1 }
    sysctls: { net.core.somaxconn: 1024 }
    cap_add: [SYS_NICE]
    cap_drop: [ALL]
    dns: [10.0.0.2, 10.0.0.3]
    dns_search: example.org
    tty: true
    stdin_open: true
    deploy: { replicas: 1, endpoint_mode: dnsrr, placement: { constraints: [node.hostname == db-1] } }
networks:
  public: { external: true, name: public }
  backend:
    driver: overlay
    internal: true
    attachable: true
    driver_opts: { encrypted: "" }
    ipam: { driver: default, config: [{ subnet: 10.99.0.0/24 }] }
    labels: { team: core }
volumes:
  certificates:
  data: { driver: local, driver_opts: { type: nfs, o: "addr=10.0.0.9,rw", device: ":/export/data" }, labels: [backup=daily] }
secrets:
  db_password: { external: true }
  key: { file: ./key.pem, labels: { kind: tls } }
configs:
  settings: { file: ./settings.yml, name: "settings-\${TAG:-1}", template_driver: golang }
`,
  'jobs, agents, nothing said': `services:
  agent:
    image: agent
    hostname: "{{.Node.Hostname}}"
    environment: { NODE: "{{.Node.ID}}", SLOT: "{{.Task.Slot}}" }
    volumes: ["/:/host:ro,rslave", "agent-data:/data:nocopy", /anonymous]
    deploy: { mode: global }
    healthcheck: { disable: true }
  once: { image: "job:1", deploy: { mode: replicated-job, replicas: 4 } }
  everywhere: { image: "job:1", deploy: { mode: global-job, restart_policy: { condition: none } } }
  gpu: { image: gpu, deploy: { resources: { reservations: { generic_resources: [{ discrete_resource_spec: { kind: gpu, value: 2 } }] } } } }
  bare: { image: bare, ports: [], deploy: , labels: { only.container: "1" }, entrypoint: /bin/sh -c "exec run" }
  replicas: { image: r, restart: unless-stopped, ports: ["9000"], expose: ["9001"], deploy: { replicas: 0, update_config: { parallelism: 0 } } }
volumes: { agent-data: { name: shared-agent-data } }
`,
};

/** Beside each of them. */
export const besideStacks = { 'common.env': '# common\nLEVEL=info\nTZ=UTC\n', 'app.env': 'LEVEL=debug\nQUOTED="as it is"\n', 'key.pem': 'key\n', 'settings.yml': 'port: 80\n' };
