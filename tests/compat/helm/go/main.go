// decode FILE CONFIG reads rendered manifests, each strictly as its Kubernetes type, and writes the configuration that they hold to CONFIG.
package main

import (
	"bytes"
	"fmt"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// The part of the Prometheus operator's type that the chart uses.
type serviceMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(manifests, config string) error {
	text, err := os.ReadFile(manifests)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	var set appsv1.StatefulSet
	var services []corev1.Service
	var written corev1.ConfigMap
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return err
		}
		var err error
		switch kind.APIVersion + " " + kind.Kind {
		case " ":
			continue
		case "apps/v1 StatefulSet":
			err = yaml.UnmarshalStrict(document, &set)
		case "v1 Service":
			var service corev1.Service
			err = yaml.UnmarshalStrict(document, &service)
			services = append(services, service)
		case "v1 ConfigMap":
			err = yaml.UnmarshalStrict(document, &written)
		case "monitoring.coreos.com/v1 ServiceMonitor":
			err = yaml.UnmarshalStrict(document, &serviceMonitor{})
		default:
			err = fmt.Errorf("nobody expects a %s of %s", kind.Kind, kind.APIVersion)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", kind.Kind, err)
		}
		seen[kind.Kind]++
	}
	if seen["StatefulSet"] != 1 || seen["Service"] != 2 || seen["ConfigMap"] != 1 {
		return fmt.Errorf("something is missing: %v", seen)
	}
	if err := fits(&set, services); err != nil {
		return err
	}
	return os.WriteFile(config, []byte(written.Data["throughline.yaml"]), 0o600)
}

// fits says whether the parts know each other: ports by name, mounts, labels, the StatefulSet's Service.
func fits(set *appsv1.StatefulSet, services []corev1.Service) error {
	pod := set.Spec.Template
	container := pod.Spec.Containers[0]
	ports := map[string]bool{}
	for _, port := range container.Ports {
		if faults := validation.IsValidPortName(port.Name); len(faults) > 0 {
			return fmt.Errorf("port %s: %v", port.Name, faults)
		}
		ports[port.Name] = true
	}
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe} {
		if name := probe.HTTPGet.Port.String(); !ports[name] {
			return fmt.Errorf("a probe asks port %s, which the container does not have", name)
		}
	}
	headless := false
	for _, service := range services {
		for _, port := range service.Spec.Ports {
			if !ports[port.TargetPort.String()] {
				return fmt.Errorf("service %s: no port %s", service.Name, port.TargetPort.String())
			}
		}
		for key, value := range service.Spec.Selector {
			if pod.Labels[key] != value || set.Spec.Selector.MatchLabels[key] != value {
				return fmt.Errorf("service %s does not select the pod", service.Name)
			}
		}
		headless = headless || service.Name == set.Spec.ServiceName && service.Spec.ClusterIP == "None"
	}
	if !headless {
		return fmt.Errorf("no headless service %s", set.Spec.ServiceName)
	}
	volumes := map[string]bool{}
	for _, volume := range pod.Spec.Volumes {
		volumes[volume.Name] = true
	}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = true
	}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			return fmt.Errorf("no volume %s", mount.Name)
		}
		delete(volumes, mount.Name)
	}
	if len(volumes) > 0 {
		return fmt.Errorf("volumes that nobody mounts: %v", volumes)
	}
	return nil
}
