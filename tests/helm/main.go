// Renders a chart as Helm does: the chart's folder is the argument, values as JSON come by standard input, and the
// templates' results go out as one JSON object, by the path of each template. Values are checked against the chart's schema.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

func main() {
	if err := render(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render() error {
	chart, err := loader.Load(os.Args[1])
	if err != nil {
		return err
	}
	var values map[string]any
	if err := json.NewDecoder(os.Stdin).Decode(&values); err != nil {
		return err
	}
	release := chartutil.ReleaseOptions{Name: "fanout", Namespace: "default"}
	given, err := chartutil.ToRenderValues(chart, values, release, nil)
	if err != nil {
		return err
	}
	rendered, err := engine.Render(chart, given)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(rendered)
}
