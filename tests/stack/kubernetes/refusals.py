"""Values that the chart refuses, with words of the message."""

from rendering import CHART, helm

SECRET = "hunter2"
REDIS = ["--set=redis.enabled=true"]
MYSQL = ["--set=mysql.enabled=true"]

REFUSED = [
    # The schema: the place of the value, and what is wrong with it
    (["--set=nodes.enabled=true"], ["additional properties 'nodes' not allowed"]),
    (["--set=node.enable=true"], ["'/node'", "additional properties 'enable' not allowed"]),
    (["--set=node.enabled=perhaps"], ["'/node/enabled'", "want boolean"]),
    (["--set=node.port=0"], ["'/node/port'", "minimum"]),
    (["--set=node.port=70000"], ["'/node/port'", "maximum"]),
    (["--set-string=node.port=9100"], ["'/node/port'", "want integer"]),
    (["--set=node.image.digest=sha256:abc"], ["'/node/image/digest'", "does not match pattern"]),
    (["--set=node.extraArgs={log.level=debug}"], ["'/node/extraArgs/0'", "does not match pattern"]),
    (["--set=node.updateStrategy.type=Recreate"], ["'/node/updateStrategy/type'", "'RollingUpdate', 'OnDelete'"]),
    (["--set=container.runtime=docker"], ["'/container/runtime'", "'containerd', 'k3s', 'cri-o'"]),
    (["--set=container.disableMetrics={disc}"], ["'/container/disableMetrics/0'", "'disk'"]),
    (["--set=monitor.kind=serviceMonitor"], ["'/monitor/kind'", "'ServiceMonitor', 'PodMonitor'"]),
    (["--set=monitor.interval=30"], ["'/monitor/interval'", "want string"]),
    (["--set=monitor.interval=30 s"], ["'/monitor/interval'", "does not match pattern"]),
    (["--set=image.pullPolicy=always"], ["'/image/pullPolicy'", "'Always', 'IfNotPresent', 'Never'"]),
    ([*REDIS, "--set=redis.replicas=-1"], ["'/redis/replicas'", "minimum"]),
    ([*REDIS, "--set=redis.existingSecret=My_Secret"], ["'/redis/existingSecret'", "does not match pattern"]),
    ([*REDIS, "--set=redis.probes[0].name=caches"], ["'/redis/probes/0'", "missing property 'targets'"]),
    ([*REDIS, "--set=redis.probes[0].name=Caches,redis.probes[0].targets={a:1}"],
     ["'/redis/probes/0/name'", "does not match pattern"]),
    (["--set=prometheusRule.runbookUrl=runbooks"], ["'/prometheusRule/runbookUrl'", "does not match pattern"]),
    # The templates: what a schema cannot say, or would say with the secret
    (MYSQL, ["mysql.existingSecret: the secret with the option file of the accounts is needed"]),
    (["--set=node.extraArgs={--web.listen-address=:9}"],
     ["node.extraArgs[0]: --web.listen-address is not to be set here: use node.port"]),
    (["--set=container.extraArgs={-port=9}"],
     ["container.extraArgs[0]: --port is not to be set here: use container.port"]),
    (["--set=node.extraArgs={--log.level=debug,--web.config.file=/x}"],
     ["node.extraArgs[1]: --web.config.file is not to be set here: use webConfig.existingSecret"]),
    (["--set=node.extraArgs={--web.route-prefix=/x}"],
     ["node.extraArgs[0]: --web.route-prefix is not to be set here: probes and scrapes rely on it"]),
    ([*REDIS, f"--set=redis.extraArgs={{-redis.password={SECRET}}}"],
     ["redis.extraArgs[0]: --redis.password would show a secret", "redis.existingSecret"]),
    ([*REDIS, f"--set=redis.extraArgs={{--basic-auth-password={SECRET}}}"],
     ["redis.extraArgs[0]: --basic-auth-password would show a secret", "webConfig.existingSecret"]),
    ([*REDIS, f"--set=redis.address=redis://user:{SECRET}@redis:6379"], ["redis.address: a password has no place"]),
    ([*REDIS, f"--set=redis.address=redis://{SECRET}@redis:6379"], ["redis.address: a password has no place"]),
    ([*REDIS, f"--set=redis.probes[0].name=a,redis.probes[0].targets={{redis://:{SECRET}@b:1}}"],
     ["redis.probes[0]: a password has no place"]),
    ([*REDIS, "--set=redis.probes[0].name=a,redis.probes[0].targets={b:1}",
      "--set=redis.probes[1].name=a,redis.probes[1].targets={c:1}"], ["redis.probes[1]: there are two of the name a"]),
    (["--set=prometheusRule.disabled={HighCpuUsage}"], ["prometheusRule.disabled: there is no alert HighCpuUsage"]),
]

# What looks like one of these and is none
TAKEN = [
    [*REDIS, "--set=redis.extraArgs={--redis.password-file=/x,--redis.user=a}"],
    [*REDIS, "--set=redis.address=redis://user:@redis:6379"],
    [*REDIS, "--set=redis.address=unix:///run/redis.sock"],
    ["--set=node.port=9101", "--set=global.anything=1"],
    ["--set=node.enabled=false,container.enabled=false"],
    ["--set=monitor.kind=PodMonitor,monitor.interval=1m30s"],
]


def outcome(arguments):
    success, _, messages = helm("template", "exporters", CHART, "--kube-version=1.30.0", *arguments)
    return success, messages


def wrong_values_are_refused_with_their_place():
    for arguments, words in REFUSED:
        success, messages = outcome(arguments)
        assert not success, f"{arguments}: not refused"
        for word in words:
            assert word in messages, f"{arguments}: no {word!r} in {messages}"
        assert SECRET not in messages, f"{arguments}: the secret is in {messages}"


def values_that_look_wrong_are_taken():
    for arguments in TAKEN:
        success, messages = outcome(arguments)
        assert success, f"{arguments}: {messages}"


CHECKS = [wrong_values_are_refused_with_their_place, values_that_look_wrong_are_taken]
