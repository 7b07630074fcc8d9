// Writes the table of Kubernetes' Go types (types.txt) that the testkit decodes, checks, patches and describes
// built-in objects with. It reads the types by reflection and the markers in their comments (+listType, +optional,
// +default, …) from the modules' sources.
//
//	cd controller-testkit/src/kinds/generate && go run . ../resources.txt > ../types.txt
package main

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Types whose JSON and protobuf forms are not those of their Go fields.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                             "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":                                        "microtime",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                         "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":                                         "fields",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                         "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString":                                       "intorstring",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":                                          "raw",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSON":                         "json",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrBool":        "schemaorbool",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrArray":       "schemaorarray",
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaPropsOrStringArray": "schemaorstrings",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run . ../resources.txt > ../types.txt")
		os.Exit(2)
	}
	must(apiextensions.AddToScheme(scheme.Scheme))
	must(apiregistration.AddToScheme(scheme.Scheme))
	kinds := map[reflect.Type][]schema.GroupVersionKind{}
	var queue []reflect.Type
	add := func(gvk schema.GroupVersionKind, t reflect.Type) {
		if kinds[t] == nil {
			queue = append(queue, t)
		}
		kinds[t] = append(kinds[t], gvk)
	}
	served := servedVersions(os.Args[1])
	known := scheme.Scheme.AllKnownTypes()
	ordered := make([]schema.GroupVersionKind, 0, len(known))
	for gvk := range known {
		ordered = append(ordered, gvk)
	}
	sort.Slice(ordered, func(i, j int) bool { return ordered[i].String() < ordered[j].String() })
	for _, gvk := range ordered {
		t := known[gvk]
		_, isList := t.FieldByName("Items")
		if !served[gvk.GroupVersion().String()] || isList || strings.HasSuffix(t.PkgPath(), "apis/meta/v1") || strings.HasSuffix(t.PkgPath(), "/watch") {
			continue
		}
		add(gvk, t)
	}
	for _, object := range []any{metav1.DeleteOptions{}, metav1.Status{}, metav1.APIGroup{}, metav1.APIGroupList{}, metav1.APIResourceList{}, metav1.APIVersions{}, metav1.ListMeta{}, metav1.WatchEvent{}} {
		t := reflect.TypeOf(object)
		add(schema.GroupVersionKind{Version: "v1", Kind: t.Name()}, t)
	}
	add(apidiscovery.SchemeGroupVersion.WithKind("APIGroupDiscoveryList"), reflect.TypeOf(apidiscovery.APIGroupDiscoveryList{}))
	done := map[reflect.Type]bool{}
	for len(queue) > 0 {
		t := queue[0]
		queue = queue[1:]
		if done[t] {
			continue
		}
		done[t] = true
		for i := range t.NumField() {
			if inner := structOf(t.Field(i).Type); inner != nil && t.Field(i).IsExported() && name(t.Field(i)) != "-" {
				queue = append(queue, inner)
			}
		}
	}
	write(done, kinds)
}

// The group versions that the table of resources lists.
func servedVersions(path string) map[string]bool {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	served := map[string]bool{"v1": true, "policy/v1": true, "autoscaling/v1": true}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "resource" {
			served[words[1]] = true
		}
	}
	return served
}

// The struct behind pointers, slices and maps, where there is one.
func structOf(t reflect.Type) reflect.Type {
	for {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			t = t.Elem()
		case reflect.Struct:
			if special[t.PkgPath()+"."+t.Name()] != "" {
				if strings.HasPrefix(t.Name(), "JSONSchemaProps") {
					return reflect.TypeOf(apiextensions.JSONSchemaProps{})
				}
				return nil
			}
			return t
		default:
			return nil
		}
	}
}

func name(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

func write(types map[reflect.Type]bool, kinds map[reflect.Type][]schema.GroupVersionKind) {
	byPackage := map[string][]reflect.Type{}
	for t := range types {
		byPackage[t.PkgPath()] = append(byPackage[t.PkgPath()], t)
	}
	packages := make([]string, 0, len(byPackage))
	for path := range byPackage {
		packages = append(packages, path)
	}
	sort.Strings(packages)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "# Kubernetes' Go types at v0.37.2, written by generate/main.go; mod.rs tells how to read it.")
	for _, path := range packages {
		comments := readComments(path)
		fmt.Fprintf(out, "package %s %s\n", short(path), openapi(path))
		list := byPackage[path]
		sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
		for _, t := range list {
			fmt.Fprintf(out, "type %s", t.Name())
			for _, gvk := range kinds[t] {
				fmt.Fprintf(out, " %s", strings.TrimPrefix(gvk.GroupVersion().String()+"/"+gvk.Kind, "/"))
			}
			if kind := append(marker(comments[t.Name()]["type"], "structType"), marker(comments[t.Name()]["type"], "mapType")...); len(kind) > 0 {
				fmt.Fprintf(out, " %s", kind[0])
			}
			fmt.Fprintln(out)
			for i := range t.NumField() {
				writeField(out, path, t, t.Field(i), comments[t.Name()])
			}
		}
	}
}

func writeField(out *bufio.Writer, path string, t reflect.Type, field reflect.StructField, comments map[string]string) {
	jsonName, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	if jsonName == "-" || !field.IsExported() {
		return
	}
	inline := field.Anonymous && jsonName == ""
	if inline {
		jsonName = "~"
	}
	if jsonName == "" {
		fmt.Fprintf(os.Stderr, "no JSON name: %s.%s\n", t, field.Name)
		return
	}
	number := "0"
	if parts := strings.Split(field.Tag.Get("protobuf"), ","); len(parts) > 1 {
		number = parts[1]
	}
	comment := comments[field.Name]
	flags := ""
	optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
	if field.Type.Kind() == reflect.Pointer {
		flags += "p"
	}
	if strings.Contains(options, "omitempty") {
		flags += "o"
	}
	if strings.Contains(options, "omitzero") {
		flags += "z"
	}
	if !inline && (marker(comment, "required") != nil || !optional && marker(comment, "optional") == nil) {
		flags += "r"
	}
	if flags == "" {
		flags = "-"
	}
	fmt.Fprintf(out, " %s %s %s %s", jsonName, number, typeName(path, field.Type), flags)
	if list := marker(comment, "listType"); list != nil {
		fmt.Fprintf(out, " list=%s", list[0])
	}
	if keys := marker(comment, "listMapKey"); keys != nil {
		fmt.Fprintf(out, " keys=%s", strings.Join(keys, ","))
	}
	if kind := append(marker(comment, "mapType"), marker(comment, "structType")...); len(kind) > 0 {
		fmt.Fprintf(out, " map=%s", kind[0])
	}
	if strategy := field.Tag.Get("patchStrategy"); strategy != "" {
		fmt.Fprintf(out, " patch=%s", strategy)
	}
	if key := field.Tag.Get("patchMergeKey"); key != "" {
		fmt.Fprintf(out, " merge=%s", key)
	}
	if value := marker(comment, "default"); value != nil && !strings.ContainsAny(value[0], " ") {
		fmt.Fprintf(out, " default=%s", value[0])
	}
	if own := goName(field.Type); own != plainName(field.Type) {
		fmt.Fprintf(out, " go=%s", own)
	}
	fmt.Fprintln(out)
}

// The name that Go has for a type in the errors of its JSON decoder.
func goName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.String()
}

// The same as it follows from the form, where no type in it has a name of its own.
func plainName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if special[t.PkgPath()+"."+t.Name()] != "" {
		return t.String()
	}
	switch t.Kind() {
	case reflect.Slice:
		return "[]" + plainName(t.Elem())
	case reflect.Map:
		return "map[string]" + plainName(t.Elem())
	case reflect.Struct:
		return t.String()
	}
	return t.Kind().String()
}

func typeName(path string, t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if word := special[t.PkgPath()+"."+t.Name()]; word != "" {
		return word
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int32, reflect.Uint32, reflect.Uint8, reflect.Int8, reflect.Int16:
		return "int32"
	case reflect.Int64, reflect.Int, reflect.Uint64:
		return "int64"
	case reflect.Float64, reflect.Float32:
		return "double"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		if _, wrapped := reflect.PointerTo(t).MethodByName("Unmarshal"); wrapped {
			return "items:" + typeName(path, t.Elem())
		}
		return "[]" + typeName(path, t.Elem())
	case reflect.Map:
		return "{}" + typeName(path, t.Elem())
	case reflect.Struct:
		if _, own := reflect.PointerTo(t).MethodByName("MarshalJSON"); own {
			fmt.Fprintf(os.Stderr, "a JSON form of its own: %s\n", t)
		}
		if t.PkgPath() == path {
			return t.Name()
		}
		return short(t.PkgPath()) + "." + t.Name()
	}
	panic(fmt.Sprintf("no word for %s", t))
}

// k8s.io/api/core/v1 → core/v1.
func short(path string) string {
	parts := strings.Split(path, "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// k8s.io/api/core/v1 → io.k8s.api.core.v1.
func openapi(path string) string {
	host, rest, _ := strings.Cut(path, "/")
	labels := strings.Split(host, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "." + strings.ReplaceAll(rest, "/", ".")
}

// The comments of a package's types.
func readComments(path string) map[string]map[string]string {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
	must(err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	must(err)
	found := map[string]map[string]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "generated") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		must(err)
		for _, declaration := range file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				typeSpec, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				structType, ok := typeSpec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				// No exported field is in lower case, so the type's own comment can stand beside them.
				entry := map[string]string{"type": general.Doc.Text()}
				if typeSpec.Doc != nil {
					entry["type"] = typeSpec.Doc.Text()
				}
				for _, field := range structType.Fields.List {
					names := []string{}
					for _, ident := range field.Names {
						names = append(names, ident.Name)
					}
					if len(names) == 0 {
						names = append(names, embedded(field.Type))
					}
					for _, name := range names {
						entry[name] = field.Doc.Text()
					}
				}
				found[typeSpec.Name.Name] = entry
			}
		}
	}
	return found
}

func embedded(expression ast.Expr) string {
	switch typed := expression.(type) {
	case *ast.Ident:
		return typed.Name
	case *ast.SelectorExpr:
		return typed.Sel.Name
	case *ast.StarExpr:
		return embedded(typed.X)
	}
	return ""
}

// The values of a marker such as +listMapKey=name; a marker without a value gives one empty string.
func marker(comment, name string) []string {
	var values []string
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(line)
		rest, ok := strings.CutPrefix(line, "+"+name)
		if !ok {
			continue
		}
		if rest == "" {
			values = append(values, "")
		} else if value, ok := strings.CutPrefix(rest, "="); ok {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
