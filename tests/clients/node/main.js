// Node's @kubernetes/client-node: objects, a watch, an informer, patches, apply, and an operator with a finalizer.

import assert from 'node:assert';
import * as k8s from '@kubernetes/client-node';

const NAMESPACE = 'node';
const GROUP = 'node.example.com';
const FINALIZER = `${GROUP}/finalizer`;

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const leases = config.makeApiClient(k8s.CoordinationV1Api);
const custom = config.makeApiClient(k8s.CustomObjectsApi);
const definitions = config.makeApiClient(k8s.ApiextensionsV1Api);
const objects = k8s.KubernetesObjectApi.makeApiClient(config);

const deadline = setTimeout(() => { console.error('too slow'); process.exit(1); }, 60_000);

async function until(what, holds) {
    const end = Date.now() + 30_000;
    while (!(await holds())) {
        assert(Date.now() < end, `never: ${what}`);
        await new Promise((done) => setTimeout(done, 30));
    }
}

async function refused(code, call) {
    await assert.rejects(call, (error) => error.code === code);
}

await core.createNamespace({body: {metadata: {name: NAMESPACE}}});

// A watch by hand, and what it sees.
const seen = [];
const watching = await new k8s.Watch(config).watch(
    `/api/v1/namespaces/${NAMESPACE}/configmaps`, {labelSelector: 'a=b', allowWatchBookmarks: true},
    (type, object) => { if (type !== 'BOOKMARK') seen.push(`${type} ${object.metadata.name}`); }, () => {});
const map = {metadata: {name: 'one', labels: {a: 'b'}}, data: {k: 'v'}};
const made = await core.createNamespacedConfigMap({namespace: NAMESPACE, body: map});
await refused(409, () => core.createNamespacedConfigMap({namespace: NAMESPACE, body: map}));
const patch = (strategy, body) => core.patchNamespacedConfigMap(
    {namespace: NAMESPACE, name: 'one', body}, k8s.setHeaderOptions('Content-Type', strategy));
await patch(k8s.PatchStrategy.MergePatch, {data: {x: 'y'}});
await patch(k8s.PatchStrategy.JsonPatch, [{op: 'remove', path: '/data/k'}]);
await patch(k8s.PatchStrategy.StrategicMergePatch, {data: {z: '1'}});
assert.deepStrictEqual((await core.readNamespacedConfigMap({namespace: NAMESPACE, name: 'one'})).data, {x: 'y', z: '1'});
await refused(409, () => core.replaceNamespacedConfigMap({namespace: NAMESPACE, name: 'one', body: made}));
await core.deleteNamespacedConfigMap({namespace: NAMESPACE, name: 'one'});
await until('the deletion is seen', () => seen.includes('DELETED one'));
assert.deepStrictEqual(seen, ['ADDED one', 'MODIFIED one', 'MODIFIED one', 'MODIFIED one', 'DELETED one']);
watching.abort();

// Apply, and its conflicts.
const applied = (value) => ({apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'two', namespace: NAMESPACE}, data: {k: value}});
await objects.patch(applied('v'), undefined, undefined, 'one', undefined, k8s.PatchStrategy.ServerSideApply);
await refused(409, () => objects.patch(applied('w'), undefined, undefined, 'two', undefined, k8s.PatchStrategy.ServerSideApply));
await objects.patch(applied('w'), undefined, undefined, 'two', true, k8s.PatchStrategy.ServerSideApply);
assert.strictEqual((await core.readNamespacedConfigMap({namespace: NAMESPACE, name: 'two'})).data.k, 'w');

// A deployment under an informer.
const informer = k8s.makeInformer(config, `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`,
    () => apps.listNamespacedDeployment({namespace: NAMESPACE}));
let ready = 0;
for (const what of ['add', 'update']) informer.on(what, (deployment) => { ready = deployment.status?.readyReplicas ?? 0; });
// It is told of its own end too.
informer.on('error', (error) => { if (error.type !== 'aborted') throw error; });
await informer.start();
const labels = {app: 'web'};
await apps.createNamespacedDeployment({namespace: NAMESPACE, body: {
    metadata: {name: 'web'},
    spec: {replicas: 2, selector: {matchLabels: labels}, template: {metadata: {labels}, spec: {containers: [{name: 'web', image: 'nginx'}]}}},
}});
await until('the deployment is ready', () => ready === 2);
await informer.stop();

// Leader election as the library's users write it: a lease that one of two candidates gets.
const lease = (holder) => ({metadata: {name: 'leader'}, spec: {
    holderIdentity: holder, leaseDurationSeconds: 15, acquireTime: new k8s.V1MicroTime(), renewTime: new k8s.V1MicroTime()}});
const elected = await Promise.allSettled(['first', 'second'].map((name) => leases.createNamespacedLease({namespace: NAMESPACE, body: lease(name)})));
assert.strictEqual(elected.filter(({status}) => status === 'fulfilled').length, 1);
const held = await leases.readNamespacedLease({namespace: NAMESPACE, name: 'leader'});
held.spec.renewTime = new k8s.V1MicroTime();
const renewed = await leases.replaceNamespacedLease({namespace: NAMESPACE, name: 'leader', body: held});
await refused(409, () => leases.replaceNamespacedLease({namespace: NAMESPACE, name: 'leader', body: held}));
assert(renewed.spec.renewTime >= held.spec.acquireTime);

// An operator: a finalizer while it lives, a status, a cleanup.
const shape = {type: 'object', properties: {size: {type: 'integer'}}};
await definitions.createCustomResourceDefinition({body: {
    metadata: {name: `toys.${GROUP}`},
    spec: {
        group: GROUP, scope: 'Namespaced', names: {plural: 'toys', singular: 'toy', kind: 'Toy'},
        versions: [{name: 'v1', served: true, storage: true, subresources: {status: {}},
            schema: {openAPIV3Schema: {type: 'object', properties: {spec: shape, status: shape}}}}],
    },
}});
const toys = {group: GROUP, version: 'v1', namespace: NAMESPACE, plural: 'toys'};
const merge = () => k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy.MergePatch);
const faults = [];
let cleaned = 0;
async function reconcile(toy) {
    const name = toy.metadata.name;
    const finalizers = toy.metadata.finalizers ?? [];
    if (toy.metadata.deletionTimestamp) {
        if (finalizers.includes(FINALIZER)) {
            cleaned += 1;
            await custom.patchNamespacedCustomObject({...toys, name, body: {metadata: {finalizers: null}}}, merge());
        }
    } else if (!finalizers.includes(FINALIZER)) {
        await custom.patchNamespacedCustomObject({...toys, name, body: {metadata: {finalizers: [FINALIZER]}}}, merge());
    } else if (toy.status?.size !== toy.spec.size) {
        await custom.patchNamespacedCustomObjectStatus({...toys, name, body: {status: {size: toy.spec.size}}}, merge());
    }
}
const operator = await new k8s.Watch(config).watch(`/apis/${GROUP}/v1/toys`, {},
    (type, toy) => { if (type === 'ADDED' || type === 'MODIFIED') reconcile(toy).catch((error) => faults.push(error)); }, () => {});
const look = () => custom.getNamespacedCustomObject({...toys, name: 'one'});
await custom.createNamespacedCustomObject({...toys, body: {apiVersion: `${GROUP}/v1`, kind: 'Toy', metadata: {name: 'one'}, spec: {size: 1}}});
await until('the status is written', async () => (await look()).status?.size === 1);
await custom.patchNamespacedCustomObject({...toys, name: 'one', body: {spec: {size: 2}}}, merge());
await until('the status follows', async () => (await look()).status?.size === 2);
await custom.deleteNamespacedCustomObject({...toys, name: 'one'});
await until('it is gone', () => look().then(() => false, (error) => error.code === 404));
assert.deepStrictEqual([cleaned, faults], [1, []]);
operator.abort();
await definitions.deleteCustomResourceDefinition({name: `toys.${GROUP}`});
await core.deleteNamespace({name: NAMESPACE});
clearTimeout(deadline);
console.log('ok @kubernetes/client-node');
