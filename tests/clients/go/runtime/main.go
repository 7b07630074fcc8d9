// Go's controller-runtime: an operator with a finalizer and a status, elected as leader.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const finalizer = "runtime.example.com/finalizer"

var kind = schema.GroupVersionKind{Group: "runtime.example.com", Version: "v1", Kind: "Gadget"}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func until(ctx context.Context, what string, holds func() bool) {
	for !holds() {
		if ctx.Err() != nil {
			log.Panic("never: " + what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func gadget() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	return object
}

type operator struct {
	client.Client
	cleaned chan string
}

func (o *operator) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := gadget()
	if err := o.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if object.GetDeletionTimestamp() != nil {
		if controllerutil.RemoveFinalizer(object, finalizer) {
			o.cleaned <- object.GetName()
			return ctrl.Result{}, o.Update(ctx, object)
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(object, finalizer) {
		return ctrl.Result{}, o.Update(ctx, object)
	}
	size, _, err := unstructured.NestedInt64(object.Object, "spec", "size")
	if err != nil {
		return ctrl.Result{}, err
	}
	owned := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: object.GetName(), Namespace: object.GetNamespace()}}
	_, err = controllerutil.CreateOrUpdate(ctx, o.Client, owned, func() error {
		owned.Data = map[string]string{"size": fmt.Sprint(size)}
		return controllerutil.SetControllerReference(object, owned, o.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	before := object.DeepCopy()
	check(unstructured.SetNestedField(object.Object, size, "status", "size"))
	return ctrl.Result{}, o.Status().Patch(ctx, object, client.MergeFrom(before))
}

func definition() *apiextensions.CustomResourceDefinition {
	whole := apiextensions.JSONSchemaProps{Type: "object", Properties: map[string]apiextensions.JSONSchemaProps{
		"size": {Type: "integer", Minimum: new(float64)},
	}}
	return &apiextensions.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "gadgets." + kind.Group},
		Spec: apiextensions.CustomResourceDefinitionSpec{
			Group: kind.Group,
			Scope: apiextensions.NamespaceScoped,
			Names: apiextensions.CustomResourceDefinitionNames{Plural: "gadgets", Kind: kind.Kind},
			Versions: []apiextensions.CustomResourceDefinitionVersion{{
				Name: kind.Version, Served: true, Storage: true,
				Subresources: &apiextensions.CustomResourceSubresources{Status: &apiextensions.CustomResourceSubresourceStatus{}},
				Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &apiextensions.JSONSchemaProps{
					Type:       "object",
					Properties: map[string]apiextensions.JSONSchemaProps{"spec": whole, "status": whole},
				}},
			}},
		},
	}
}

func main() {
	ctrl.SetLogger(zap.New())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	scheme := runtime.NewScheme()
	check(clientgoscheme.AddToScheme(scheme))
	check(apiextensions.AddToScheme(scheme))
	config := ctrl.GetConfigOrDie()
	direct, err := client.New(config, client.Options{Scheme: scheme})
	check(err)
	crd := definition()
	check(direct.Create(ctx, crd))
	until(ctx, "the definition is established", func() bool {
		check(direct.Get(ctx, client.ObjectKeyFromObject(crd), crd))
		for _, condition := range crd.Status.Conditions {
			if condition.Type == apiextensions.Established && condition.Status == apiextensions.ConditionTrue {
				return true
			}
		}
		return false
	})
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: "0"},
		LeaderElection: true, LeaderElectionID: "runtime", LeaderElectionNamespace: "default", LeaderElectionReleaseOnCancel: true,
	})
	check(err)
	o := &operator{Client: manager.GetClient(), cleaned: make(chan string, 10)}
	check(ctrl.NewControllerManagedBy(manager).For(gadget()).Owns(&corev1.ConfigMap{}).Complete(o))
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- manager.Start(running) }()

	one := gadget()
	one.SetName("one")
	one.SetNamespace("default")
	check(unstructured.SetNestedField(one.Object, int64(2), "spec", "size"))
	check(direct.Create(ctx, one))
	status := func() int64 {
		check(direct.Get(ctx, client.ObjectKeyFromObject(one), one))
		size, _, _ := unstructured.NestedInt64(one.Object, "status", "size")
		return size
	}
	until(ctx, "the status is written", func() bool { return status() == 2 })
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"size":5}}`))
	check(direct.Patch(ctx, one, patch))
	until(ctx, "the status follows", func() bool { return status() == 5 })
	owned := &corev1.ConfigMap{}
	check(direct.Get(ctx, client.ObjectKeyFromObject(one), owned))
	check(direct.Delete(ctx, owned))
	until(ctx, "what is owned comes back", func() bool { return direct.Get(ctx, client.ObjectKeyFromObject(one), owned) == nil })
	bad := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"size":-1}}`))
	if !apierrors.IsInvalid(direct.Patch(ctx, one, bad)) {
		log.Panic("the schema holds")
	}
	applied := gadget()
	applied.SetName("two")
	applied.SetNamespace("default")
	check(unstructured.SetNestedField(applied.Object, int64(7), "spec", "size"))
	check(direct.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("clients")))
	check(direct.Delete(ctx, one))
	if name := <-o.cleaned; name != "one" {
		log.Panic("cleaned up " + name)
	}
	until(ctx, "it is gone", func() bool { return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKeyFromObject(one), one)) })
	until(ctx, "what it owned goes with it", func() bool {
		return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKeyFromObject(one), owned))
	})
	check(direct.Delete(ctx, applied))
	<-o.cleaned
	until(ctx, "it is gone", func() bool { return apierrors.IsNotFound(direct.Get(ctx, client.ObjectKeyFromObject(applied), applied)) })
	stop()
	check(<-ended)
	check(direct.Delete(ctx, crd))
	fmt.Println("ok controller-runtime")
}
