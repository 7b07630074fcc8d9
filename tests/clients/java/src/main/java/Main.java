// Java's fabric8: objects, watches (over WebSocket), informers, apply, leader election, and an operator.

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.GenericKubernetesResourceBuilder;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionBuilder;
import io.fabric8.kubernetes.api.model.apps.DeploymentBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.Watcher;
import io.fabric8.kubernetes.client.WatcherException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderElectionConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.resourcelock.LeaseLock;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

public class Main {
  static final String NAMESPACE = "java";
  static final String GROUP = "java.example.com";
  static final String FINALIZER = GROUP + "/finalizer";

  static void that(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  static void until(String what, BooleanSupplier holds) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!holds.getAsBoolean()) {
      that(System.nanoTime() < end, "never: " + what);
      Thread.sleep(30);
    }
  }

  static void refused(int code, Runnable call) {
    try {
      call.run();
    } catch (KubernetesClientException error) {
      that(error.getCode() == code, error.toString());
      return;
    }
    throw new AssertionError("it is not refused with " + code);
  }

  static ConfigMap map(String name, String value) {
    return new ConfigMapBuilder().withNewMetadata().withName(name).withNamespace(NAMESPACE).addToLabels("a", "b").endMetadata()
        .addToData("k", value).build();
  }

  public static void main(String[] arguments) throws Exception {
    try (KubernetesClient client = new KubernetesClientBuilder().build()) {
      client.namespaces().resource(new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build()).create();
      objects(client);
      deployment(client);
      election(client);
      operator(client);
      client.namespaces().withName(NAMESPACE).delete();
    }
    System.out.println("ok fabric8");
    System.exit(0);
  }

  static void objects(KubernetesClient client) throws Exception {
    var maps = client.configMaps().inNamespace(NAMESPACE);
    BlockingQueue<String> seen = new LinkedBlockingQueue<>();
    var watch = maps.withLabel("a", "b").watch(new Watcher<ConfigMap>() {
      @Override
      public void eventReceived(Action action, ConfigMap map) {
        seen.add(action + " " + map.getMetadata().getName());
      }

      @Override
      public void onClose(WatcherException cause) {
        seen.add("closed: " + cause);
      }
    });
    maps.resource(map("one", "v")).create();
    refused(409, () -> maps.resource(map("one", "v")).create());
    maps.withName("one").edit(map -> new ConfigMapBuilder(map).addToData("x", "y").build());
    maps.withName("one").patch(PatchContext.of(PatchType.JSON_MERGE), "{\"data\":{\"k\":null}}");
    that(maps.withName("one").get().getData().equals(Map.of("x", "y")), "the patches are in");
    maps.withName("one").delete();
    for (String wanted : List.of("ADDED one", "MODIFIED one", "MODIFIED one", "DELETED one")) {
      String got = seen.poll(20, TimeUnit.SECONDS);
      that(wanted.equals(got), got + " is not " + wanted);
    }
    watch.close();
    maps.resource(map("two", "v")).fieldManager("one").serverSideApply();
    refused(409, () -> maps.resource(map("two", "w")).fieldManager("two").serverSideApply());
    maps.resource(map("two", "w")).fieldManager("two").forceConflicts().serverSideApply();
    that(maps.withName("two").get().getData().get("k").equals("w"), "force takes over");
  }

  static void deployment(KubernetesClient client) {
    Map<String, String> labels = Map.of("app", "web");
    var deployment = new DeploymentBuilder().withNewMetadata().withName("web").endMetadata().withNewSpec().withReplicas(2)
        .withNewSelector().withMatchLabels(labels).endSelector()
        .withNewTemplate().withNewMetadata().withLabels(labels).endMetadata()
        .withNewSpec().addNewContainer().withName("web").withImage("nginx").endContainer().endSpec().endTemplate().endSpec().build();
    var deployments = client.apps().deployments().inNamespace(NAMESPACE);
    deployments.resource(deployment).create();
    deployments.withName("web").waitUntilReady(30, TimeUnit.SECONDS);
    deployments.withName("web").scale(1);
    deployments.withName("web").waitUntilCondition(found -> Integer.valueOf(1).equals(found.getStatus().getReadyReplicas()), 30, TimeUnit.SECONDS);
    client.pods().inNamespace(NAMESPACE).withLabels(labels).waitUntilReady(30, TimeUnit.SECONDS);
  }

  static void election(KubernetesClient client) throws Exception {
    CompletableFuture<Void> led = new CompletableFuture<>();
    var config = new LeaderElectionConfigBuilder().withName("leader").withLock(new LeaseLock(NAMESPACE, "leader", "first"))
        .withLeaseDuration(Duration.ofSeconds(5)).withRenewDeadline(Duration.ofSeconds(3)).withRetryPeriod(Duration.ofSeconds(1)).withReleaseOnCancel()
        .withLeaderCallbacks(new LeaderCallbacks(() -> led.complete(null), () -> {}, name -> {})).build();
    CompletableFuture<?> election = client.leaderElector().withConfig(config).build().start();
    led.get(30, TimeUnit.SECONDS);
    that(client.leases().inNamespace(NAMESPACE).withName("leader").get().getSpec().getHolderIdentity().equals("first"), "the lease is held");
    election.cancel(true);
    // It keeps its name on the lease, and lets it run out at once.
    until("the lease is let go", () ->
        client.leases().inNamespace(NAMESPACE).withName("leader").get().getSpec().getLeaseDurationSeconds() == 1);
  }

  static void operator(KubernetesClient client) throws Exception {
    var definition = new CustomResourceDefinitionBuilder().withNewMetadata().withName("cups." + GROUP).endMetadata()
        .withNewSpec().withGroup(GROUP).withScope("Namespaced").withNewNames().withPlural("cups").withSingular("cup").withKind("Cup").endNames()
        .addNewVersion().withName("v1").withServed(true).withStorage(true).withNewSubresources().withNewStatus().endStatus().endSubresources()
        .withNewSchema().withNewOpenAPIV3Schema().withType("object")
        .addToProperties("spec", new io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaPropsBuilder().withType("object").withXKubernetesPreserveUnknownFields(true).build())
        .addToProperties("status", new io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaPropsBuilder().withType("object").withXKubernetesPreserveUnknownFields(true).build())
        .endOpenAPIV3Schema().endSchema().endVersion().endSpec().build();
    var definitions = client.apiextensions().v1().customResourceDefinitions();
    definitions.resource(definition).create();
    definitions.withName("cups." + GROUP).waitUntilCondition(found -> found != null && found.getStatus() != null && found.getStatus().getConditions() != null
        && found.getStatus().getConditions().stream().anyMatch(c -> c.getType().equals("Established") && c.getStatus().equals("True")), 30, TimeUnit.SECONDS);
    var context = new ResourceDefinitionContext.Builder().withGroup(GROUP).withVersion("v1").withKind("Cup").withPlural("cups").withNamespaced(true).build();
    var cups = client.genericKubernetesResources(context).inNamespace(NAMESPACE);
    AtomicInteger cleaned = new AtomicInteger();
    BlockingQueue<String> faults = new LinkedBlockingQueue<>();
    var informer = cups.inform(new ResourceEventHandler<GenericKubernetesResource>() {
      @Override
      public void onAdd(GenericKubernetesResource cup) {
        reconcile(cup);
      }

      @Override
      public void onUpdate(GenericKubernetesResource old, GenericKubernetesResource cup) {
        reconcile(cup);
      }

      @Override
      public void onDelete(GenericKubernetesResource cup, boolean unknown) {}

      void reconcile(GenericKubernetesResource cup) {
        try {
          var at = cups.withName(cup.getMetadata().getName());
          boolean marked = cup.getMetadata().getFinalizers().contains(FINALIZER);
          if (cup.getMetadata().getDeletionTimestamp() != null) {
            if (marked) {
              cleaned.incrementAndGet();
              at.edit(found -> { found.getMetadata().getFinalizers().remove(FINALIZER); return found; });
            }
          } else if (!marked) {
            at.edit(found -> { found.getMetadata().getFinalizers().add(FINALIZER); return found; });
          } else if (!size(cup, "spec").equals(size(cup, "status"))) {
            at.editStatus(found -> { found.setAdditionalProperty("status", Map.of("size", size(found, "spec"))); return found; });
          }
        } catch (RuntimeException fault) {
          faults.add(fault.toString());
        }
      }
    });
    var cup = new GenericKubernetesResourceBuilder().withApiVersion(GROUP + "/v1").withKind("Cup")
        .withNewMetadata().withName("one").endMetadata().addToAdditionalProperties("spec", Map.of("size", 1)).build();
    cups.resource(cup).create();
    until("the status is written", () -> Integer.valueOf(1).equals(size(cups.withName("one").get(), "status")));
    cups.withName("one").patch(PatchContext.of(PatchType.JSON_MERGE), "{\"spec\":{\"size\":2}}");
    until("the status follows", () -> Integer.valueOf(2).equals(size(cups.withName("one").get(), "status")));
    cups.withName("one").delete();
    until("it is gone", () -> cups.withName("one").get() == null);
    that(cleaned.get() == 1 && faults.isEmpty(), cleaned + " " + faults);
    informer.close();
    definitions.withName("cups." + GROUP).delete();
  }

  static Object size(GenericKubernetesResource cup, String part) {
    Object found = cup.getAdditionalProperties().get(part);
    return found instanceof Map<?, ?> members && members.get("size") != null ? members.get("size") : "none";
  }
}
