// The etcd that the real kube-apiserver keeps its objects in while recordings are made.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
