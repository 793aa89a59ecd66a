// Alert rules and the dashboard, read by Prometheus' own code: each query parses, each rule and its templates are valid, and
// all asks for metrics and labels that Belay exports. A query for what does not exist draws an empty panel and never alerts.
// A module of its own: Prometheus' dependencies are not those of the API server.
package monitoring

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	rules     = "../../belay/files/rules.yaml"
	dashboard = "../../belay/files/dashboard.json"
	metrics   = "../../../docs/metrics.md"
)

// What Prometheus and the PodMonitor add to every series.
var ofTheTarget = []string{"namespace", "pod", "container", "job", "instance"}

func TestAlertRulesAreValidAndAskForWhatIsExported(t *testing.T) {
	groups, problems := rulefmt.ParseFile(rules, false, model.UTF8Validation, promql(), slog.Default())
	for _, problem := range problems {
		t.Error(problem)
	}
	if t.Failed() {
		return
	}
	exported := exportedMetrics(t)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			known := check(t, exported, rule.Alert, rule.Expr)
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, a summary or a description", rule.Alert)
			}
			// What is left after aggregation is all that a template can name.
			for _, name := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(rule.Annotations["description"], -1) {
				if !slices.Contains(known, name[1]) {
					t.Errorf("%s tells of the label %s, which its result does not have: %v", rule.Alert, name[1], known)
				}
			}
		}
	}
}

func TestTheDashboardAsksForWhatIsExported(t *testing.T) {
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Type, Query string }
		}
	}
	content, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}
	exported := exportedMetrics(t)
	asked := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			known := check(t, exported, panel.Title, withoutVariables(target.Expr))
			for _, name := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				if !slices.Contains(known, name[1]) {
					t.Errorf("%s: the legend has the label %s, which its result does not have: %v", panel.Title, name[1], known)
				}
			}
			asked++
		}
	}
	if asked < 10 {
		t.Errorf("the dashboard asks for %d things", asked)
	}
	for _, variable := range board.Templating.List {
		if query := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(variable.Query); query != nil {
			check(t, exported, variable.Query, withoutVariables(query[1]))
		} else if variable.Type == "query" {
			t.Errorf("a variable asks %q", variable.Query)
		}
	}
}

// Of the metrics of docs/metrics.md, which a test of the program's own holds against what it exports: a panel or a rule for
// each would be too many, but whatever says that something is lost or refused must be seen somewhere.
func TestWhatIsLostOrRefusedIsOnTheDashboard(t *testing.T) {
	content, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	for name := range exportedMetrics(t) {
		if regexp.MustCompile(`_(lost|refused|dropped|failed|dead|untracked)_total$`).MatchString(name) && !strings.Contains(string(content), name) {
			t.Errorf("%s is nowhere on the dashboard", name)
		}
	}
}

func promql() parser.Parser { return parser.NewParser(parser.Options{}) }

// Names and, for each, its own labels.
func exportedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile(metrics)
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		name, kind := row[1], row[2]
		var own []string
		for _, label := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[3], -1) {
			own = append(own, label[1])
		}
		if kind == "histogram" {
			exported[name+"_bucket"] = own
			own = slices.DeleteFunc(slices.Clone(own), func(label string) bool { return label == "le" })
			exported[name+"_sum"], exported[name+"_count"] = own, own
			continue
		}
		exported[name] = own
	}
	if len(exported) < 50 {
		t.Fatalf("%s tells of %d metrics only", metrics, len(exported))
	}
	return exported
}

// Parses the query and looks up what it asks for; the labels that its result can have.
func check(t *testing.T, exported map[string][]string, where, query string) []string {
	t.Helper()
	expression, err := promql().ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v\n%s", where, err, query)
		return nil
	}
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			own, is := exported[node.Name]
			if !is {
				t.Errorf("%s asks for %s, which is not exported", where, node.Name)
				return nil
			}
			for _, matcher := range node.LabelMatchers {
				if matcher.Name != labels.MetricName && !slices.Contains(append(own, ofTheTarget...), matcher.Name) {
					t.Errorf("%s asks for the label %s of %s, which has %v", where, matcher.Name, node.Name, own)
				}
			}
		case *parser.Call:
			if strings.HasSuffix(node.Func.Name, "rate") || node.Func.Name == "increase" {
				selector := node.Args[0].(*parser.MatrixSelector).VectorSelector.(*parser.VectorSelector)
				if !regexp.MustCompile(`_(total|bucket|sum|count)$`).MatchString(selector.Name) {
					t.Errorf("%s takes a rate of %s, which is no counter", where, selector.Name)
				}
			}
		}
		return nil
	})
	return resultLabels(exported, expression)
}

// What a result can be told apart by: the labels that an aggregation keeps, or those of the series itself.
func resultLabels(exported map[string][]string, expression parser.Expr) []string {
	switch node := expression.(type) {
	case *parser.AggregateExpr:
		if !node.Without {
			return node.Grouping
		}
		return nil
	case *parser.BinaryExpr:
		return resultLabels(exported, node.LHS)
	case *parser.ParenExpr:
		return resultLabels(exported, node.Expr)
	case *parser.Call:
		for _, argument := range node.Args {
			if argument.Type() != parser.ValueTypeScalar {
				return resultLabels(exported, argument)
			}
		}
	case *parser.MatrixSelector:
		return resultLabels(exported, node.VectorSelector)
	case *parser.VectorSelector:
		return append(slices.Clone(exported[node.Name]), ofTheTarget...)
	}
	return nil
}

// Grafana's variables, as it fills them in.
func withoutVariables(query string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$__interval", "1m").Replace(query)
}
