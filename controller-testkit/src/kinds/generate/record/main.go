// Encodes the objects of a YAML file as Go's typed client does: a line of hexadecimal protobuf and a line of JSON each.
//
//	cd controller-testkit/src/kinds/generate && go run ./record ../../protobuf/objects.yaml > ../../protobuf/recorded.txt
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./record OBJECTS.yaml")
		os.Exit(2)
	}
	must(apiextensions.AddToScheme(scheme.Scheme))
	text, err := os.ReadFile(os.Args[1])
	must(err)
	encoder := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		object, kind, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
		must(err)
		object.GetObjectKind().SetGroupVersionKind(*kind)
		var encoded bytes.Buffer
		must(encoder.Encode(object, &encoded))
		asJSON, err := json.Marshal(object)
		must(err)
		fmt.Printf("%s\n%s\n", hex.EncodeToString(encoded.Bytes()), asJSON)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
