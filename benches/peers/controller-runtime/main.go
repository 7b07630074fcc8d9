// controller-runtime, doing what the bench's own subjects do: it counts its callbacks.
//
// With --encode KIND it turns an object of that kind from JSON into protobuf instead, by Kubernetes' own types: the
// server of the bench fills the holes of those bytes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// tally is what src/tally.rs is to the other subjects.
type tally struct {
	callbacks, last, event atomic.Uint64
	lock                   sync.Mutex
	latencies              []uint64
}

type report struct {
	Callbacks uint64   `json:"callbacks"`
	Last      uint64   `json:"last"`
	Event     uint64   `json:"event"`
	Latencies []uint64 `json:"latencies"`
}

func (t *tally) note(object client.Object) {
	annotations := object.GetAnnotations()
	now := uint64(time.Now().UnixNano())
	t.callbacks.Add(1)
	t.last.Store(now)
	event, _ := strconv.ParseUint(annotations["bench/event"], 10, 64)
	for seen := t.event.Load(); event > seen && !t.event.CompareAndSwap(seen, event); seen = t.event.Load() {
	}
	at, _ := strconv.ParseUint(annotations["bench/at"], 10, 64)
	if at > 0 {
		t.lock.Lock()
		t.latencies = append(t.latencies, max(now, at)-at)
		t.lock.Unlock()
	}
}

func (t *tally) report() report {
	t.lock.Lock()
	latencies := t.latencies
	t.latencies = []uint64{}
	t.lock.Unlock()
	return report{t.callbacks.Load(), t.last.Load(), t.event.Load(), latencies}
}

// counting is the reconciler: it gets the object from the cache, as reconcilers do.
type counting struct {
	client  client.Client
	tally   *tally
	options options
	draws   atomic.Uint64
}

type options struct {
	server      string
	mode        string
	configmaps  bool
	resync      bool
	concurrency int
	sleep       time.Duration
	lookups     int
	objects     uint64
}

func (c *counting) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var object client.Object = &corev1.Pod{}
	if c.options.configmaps {
		object = &corev1.ConfigMap{}
	}
	if err := c.client.Get(ctx, request.NamespacedName, object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if c.options.sleep > 0 {
		time.Sleep(c.options.sleep)
	}
	draw := mixed(c.draws.Add(1))
	for range c.options.lookups {
		draw = mixed(draw)
		other := types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("web-%07d", draw%max(c.options.objects, 1))}
		if err := c.client.Get(ctx, other, &corev1.Pod{}); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
	}
	c.tally.note(object)
	if c.options.resync {
		return ctrl.Result{RequeueAfter: 30 * time.Second}, nil
	}
	return ctrl.Result{}, nil
}

// mixed is splitmix64.
func mixed(z uint64) uint64 {
	z = (z + 1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func main() {
	var given options
	var encoded string
	var sleep int
	flag.StringVar(&encoded, "encode", "", "the kind of the object on standard input")
	flag.StringVar(&given.server, "server", "", "the URL of the API server")
	flag.StringVar(&given.mode, "mode", "typed", "typed, tuned or json")
	flag.BoolVar(&given.configmaps, "configmaps", false, "configmaps, and not pods")
	flag.BoolVar(&given.resync, "resync", false, "run each object again after 30 seconds")
	flag.IntVar(&given.concurrency, "concurrency", 0, "runs at once")
	flag.IntVar(&sleep, "sleep-ms", 0, "how long a callback sleeps")
	flag.IntVar(&given.lookups, "lookups", 0, "pods that a callback reads")
	flag.Uint64Var(&given.objects, "objects", 0, "how many objects there are")
	flag.Parse()
	given.sleep = time.Duration(sleep) * time.Millisecond
	err := error(nil)
	if encoded != "" {
		err = encode(encoded)
	} else {
		err = run(given)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer-controller-runtime:", err)
		os.Exit(1)
	}
}

// encode writes the bare message: what stands around it differs between lists and watches.
func encode(kind string) error {
	var object interface {
		Marshal() ([]byte, error)
	}
	switch kind {
	case "Pod":
		object = &corev1.Pod{}
	case "ConfigMap":
		object = &corev1.ConfigMap{}
	default:
		return fmt.Errorf("no protobuf for %s", kind)
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, object); err != nil {
		return err
	}
	bytes, err := object.Marshal()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(bytes)
	return err
}

func run(given options) error {
	ctrl.SetLogger(logr.Discard())
	// The client's own limit of requests is off: a list by pages would wait for it.
	config := &rest.Config{Host: given.server, QPS: -1}
	config.Insecure = strings.HasPrefix(given.server, "https:")
	if given.mode == "json" {
		config.ContentType = "application/json"
	}
	settings := ctrl.Options{Metrics: server.Options{BindAddress: "0"}, HealthProbeBindAddress: "0"}
	workers := controller.Options{MaxConcurrentReconciles: given.concurrency}
	if given.mode == "tuned" {
		settings.Cache = cache.Options{DefaultTransform: cache.TransformStripManagedFields()}
		if given.concurrency == 0 {
			workers.MaxConcurrentReconciles = 16
		}
	}
	counts := &tally{latencies: []uint64{}}
	if err := say(report{Latencies: []uint64{}}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) != "go" {
			if err := say(counts.report()); err != nil {
				return err
			}
			continue
		}
		manager, err := ctrl.NewManager(config, settings)
		if err != nil {
			return err
		}
		var kind client.Object = &corev1.Pod{}
		if given.configmaps {
			kind = &corev1.ConfigMap{}
		}
		reconciler := &counting{client: manager.GetClient(), tally: counts, options: given}
		if err := ctrl.NewControllerManagedBy(manager).For(kind).WithOptions(workers).Complete(reconciler); err != nil {
			return err
		}
		go func() {
			if err := manager.Start(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, "peer-controller-runtime:", err)
				os.Exit(1)
			}
		}()
	}
	return lines.Err()
}

func say(said report) error {
	line, err := json.Marshal(said)
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(line))
	return err
}
