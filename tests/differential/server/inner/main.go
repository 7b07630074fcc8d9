// Writes the table of a kube-apiserver's inner types whose values its messages repeat: the names that Go prints and
// their order, which no client sees elsewhere. It is read by reflection.
//
//	cd tests/differential/server && go run ./inner > ../../../controller-testkit/src/kinds/inner.txt
package main

import (
	"fmt"
	"path"
	"reflect"
	"strings"

	"k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/flowcontrol"
	"k8s.io/kubernetes/pkg/apis/networking"
	"k8s.io/kubernetes/pkg/apis/policy"
	"k8s.io/kubernetes/pkg/apis/rbac"
	"k8s.io/kubernetes/pkg/apis/resource"
	"k8s.io/kubernetes/pkg/apis/storage"
)

const prefix = "k8s.io/kubernetes/pkg/apis/"

func main() {
	queue := []reflect.Type{
		reflect.TypeFor[core.PodTemplateSpec](),
		reflect.TypeFor[core.PersistentVolumeSpec](),
		reflect.TypeFor[core.PersistentVolumeClaim](),
		reflect.TypeFor[core.ServicePort](),
		reflect.TypeFor[core.Taint](),
		reflect.TypeFor[core.NodeAddress](),
		reflect.TypeFor[core.PodIP](),
		reflect.TypeFor[core.HostIP](),
		reflect.TypeFor[apps.DeploymentStrategy](),
		reflect.TypeFor[apps.DaemonSetUpdateStrategy](),
		reflect.TypeFor[apps.StatefulSetUpdateStrategy](),
		reflect.TypeFor[batch.PodFailurePolicy](),
		reflect.TypeFor[batch.SuccessPolicy](),
		reflect.TypeFor[flowcontrol.FlowSchemaSpec](),
		reflect.TypeFor[flowcontrol.PriorityLevelConfigurationSpec](),
		reflect.TypeFor[networking.ServiceCIDRSpec](),
		reflect.TypeFor[policy.PodDisruptionBudgetSpec](),
		reflect.TypeFor[rbac.RoleRef](),
		reflect.TypeFor[resource.ResourceClaimTemplateSpec](),
		reflect.TypeFor[storage.CSINodeDriver](),
	}
	fmt.Println("# The inner types of kube-apiserver 1.37.2, written by tests/differential/server/inner; inner.rs tells how to read it.")
	seen := map[reflect.Type]bool{}
	for len(queue) > 0 {
		t := queue[0]
		queue = queue[1:]
		if seen[t] {
			continue
		}
		seen[t] = true
		fmt.Printf("type %s\n", name(t))
		for i := range t.NumField() {
			field := t.Field(i)
			label := field.Name
			if field.Anonymous {
				if field.Type.Name() == "TypeMeta" {
					continue
				}
				label = "~"
			}
			fmt.Printf(" %s %s\n", label, form(field.Type, &queue))
		}
	}
}

func name(t reflect.Type) string {
	return path.Base(t.PkgPath()) + "." + t.Name()
}

// A type as inner.rs reads it: `*` a pointer, `[]` a list, `{}` a map, `client` what clients see too.
func form(t reflect.Type, queue *[]reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + form(t.Elem(), queue)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "client"
		}
		return "[]" + form(t.Elem(), queue)
	case reflect.Map:
		return "{}" + form(t.Elem(), queue)
	case reflect.Struct:
		if strings.HasPrefix(t.PkgPath(), prefix) {
			*queue = append(*queue, t)
			return name(t)
		}
		switch t.Name() {
		case "IntOrString":
			return "int"
		case "Quantity":
			return "quantity"
		case "Time":
			return "*client"
		}
		return "client"
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	}
	panic(t.String())
}
