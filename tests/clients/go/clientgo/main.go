// Go's client-go: typed, dynamic and metadata clients, apply, an informer and leader election.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
)

const namespace = "clientgo"

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func that(holds bool, what string) {
	if !holds {
		log.Panic(what)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config := must(clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig())
	client := must(kubernetes.NewForConfig(config))
	must(client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}))
	maps := client.CoreV1().ConfigMaps(namespace)

	// Create and watch, typed: the bodies are protobuf.
	events := must(maps.Watch(ctx, metav1.ListOptions{LabelSelector: "a=b"}))
	one := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"a": "b"}}, Data: map[string]string{"k": "v"}}
	made := must(maps.Create(ctx, one, metav1.CreateOptions{}))
	that(made.UID != "" && made.ResourceVersion != "", "a created object has a uid and a version")
	_, err := maps.Create(ctx, one, metav1.CreateOptions{})
	that(apierrors.IsAlreadyExists(err), "it is there already")
	must(maps.Patch(ctx, "one", types.StrategicMergePatchType, []byte(`{"data":{"x":"y"}}`), metav1.PatchOptions{}))
	must(maps.Patch(ctx, "one", types.JSONPatchType, []byte(`[{"op":"remove","path":"/data/k"}]`), metav1.PatchOptions{}))
	made.Data["late"] = "1"
	_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
	that(apierrors.IsConflict(err), "an old version conflicts")
	check(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		present := must(maps.Get(ctx, "one", metav1.GetOptions{}))
		present.Labels["a"] = "c"
		_, err := maps.Update(ctx, present, metav1.UpdateOptions{})
		return err
	}))
	for _, wanted := range []watch.EventType{watch.Added, watch.Modified, watch.Modified, watch.Deleted} {
		event := <-events.ResultChan()
		that(event.Type == wanted, fmt.Sprintf("%s is not %s", event.Type, wanted))
	}
	events.Stop()

	// Server-side apply, and what another manager may not do.
	apply := applycore.ConfigMap("applied", namespace).WithData(map[string]string{"k": "v"})
	must(maps.Apply(ctx, apply, metav1.ApplyOptions{FieldManager: "one"}))
	other := applycore.ConfigMap("applied", namespace).WithData(map[string]string{"k": "w"})
	_, err = maps.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "two"})
	that(apierrors.IsConflict(err), "another manager conflicts")
	forced := must(maps.Apply(ctx, other, metav1.ApplyOptions{FieldManager: "two", Force: true}))
	that(forced.Data["k"] == "w", "force takes over")
	mine := must(applycore.ExtractConfigMap(forced, "two"))
	that(mine.Data["k"] == "w", "what two owns")

	// A deployment, by apply, to its end.
	labels := map[string]string{"app": "web"}
	deployment := applyapps.Deployment("web", namespace).WithSpec(applyapps.DeploymentSpec().WithReplicas(3).
		WithSelector(applymeta.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).
			WithSpec(applycore.PodSpec().WithContainers(applycore.Container().WithName("web").WithImage("nginx")))))
	deployments := client.AppsV1().Deployments(namespace)
	must(deployments.Apply(ctx, deployment, metav1.ApplyOptions{FieldManager: "one"}))
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	informer := factory.Apps().V1().Deployments().Informer()
	ready := make(chan struct{}, 100)
	must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, new any) {
		if new.(*appsv1.Deployment).Status.ReadyReplicas == 3 {
			ready <- struct{}{}
		}
	}, AddFunc: func(new any) {
		if new.(*appsv1.Deployment).Status.ReadyReplicas == 3 {
			ready <- struct{}{}
		}
	}}))
	factory.Start(ctx.Done())
	<-ready
	scale := must(deployments.GetScale(ctx, "web", metav1.GetOptions{}))
	scale.Spec.Replicas = 1
	must(deployments.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{}))

	// Dynamic and metadata clients, pages, discovery.
	resource := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	list := must(must(dynamic.NewForConfig(config)).Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: 1}))
	that(len(list.Items) == 1 && list.GetContinue() != "", "a page")
	meta := must(must(metadata.NewForConfig(config)).Resource(resource).Namespace(namespace).Get(ctx, "one", metav1.GetOptions{}))
	that(meta.Labels["a"] == "c", "metadata")
	_, resources, err := client.Discovery().ServerGroupsAndResources()
	check(err)
	that(len(discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"watch"}}, resources)) > 10, "discovery")

	// Leader election: the second candidate leads once the first lets go.
	first, stopFirst := context.WithCancel(ctx)
	led := make(chan string, 2)
	elect := func(ctx context.Context, name string) {
		lock := must(resourcelock.New(resourcelock.LeasesResourceLock, namespace, "leader", client.CoreV1(), client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: name}))
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: true, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { led <- name }, OnStoppedLeading: func() {}},
		})
	}
	go elect(first, "first")
	that(<-led == "first", "the first leads")
	go elect(ctx, "second")
	stopFirst()
	that(<-led == "second", "the second follows")

	// Deletion, and the namespace with everything in it.
	check(maps.Delete(ctx, "one", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &made.UID}}))
	_, err = maps.Get(ctx, "one", metav1.GetOptions{})
	that(apierrors.IsNotFound(err), "it is gone")
	check(maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	check(client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}))
	for {
		if _, err := client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			break
		}
		time.Sleep(50 * time.Millisecond)
		check(ctx.Err())
	}
	fmt.Println("ok client-go")
}
