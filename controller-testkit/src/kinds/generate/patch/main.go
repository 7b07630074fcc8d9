// Applies the strategic merge patches of a file with Kubernetes' own library. Each line is a JSON list of kind, object
// and patch; the output adds the result, or the error's text. A result that is there already is made anew.
//
//	cd controller-testkit/src/kinds/generate && go run ./patch ../../patch/strategic/recorded.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	file, err := os.Open(os.Args[1])
	must(err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var parts []json.RawMessage
		must(json.Unmarshal(lines.Bytes(), &parts))
		var kind struct{ Group, Version, Kind string }
		must(json.Unmarshal(parts[0], &kind))
		object, err := scheme.Scheme.New(schema.GroupVersionKind(kind))
		must(err)
		result, err := strategicpatch.StrategicMergePatch(parts[1], parts[2], object)
		if err != nil {
			result, err = json.Marshal(err.Error())
			must(err)
		}
		line, err := json.Marshal(append(parts[:3], result))
		must(err)
		fmt.Println(string(line))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
