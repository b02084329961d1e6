package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden page again")

func render(t testing.TB, r Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := WriteHTML(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func joined(t testing.TB) Report {
	t.Helper()
	r, err := Join(sample(), run())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// To look at a change: go test ./internal/report -run Golden -update
func TestGolden(t *testing.T) {
	const golden = "testdata/report.html"
	got := render(t, joined(t))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	for range 20 {
		if render(t, joined(t)) != got {
			t.Fatal("the same report gives another page")
		}
	}
}

// What was not measured is said to be absent, and nothing is shown for it.
func TestAbsent(t *testing.T) {
	r := sample()
	r.Training, r.Seen, r.Run.Expert = nil, nil, ""
	r.Kinds[0].Arms[0].Effort, r.Kinds[0].Arms[1].Effort, r.Kinds[0].Arms[2].Effort = nil, nil, nil
	got := text(t, render(t, r))
	for _, want := range []string{"Not decided in this file", "Training of the candidate Not recorded.", "What it took Not recorded.", "Expert not recorded", "none solved"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Paid for itself") || strings.Contains(got, "NaN") || strings.Contains(got, "nil") {
		t.Errorf("the page shows what nobody measured:\n%s", got)
	}
}

// The page loads nothing and runs nothing.
func TestSelfContained(t *testing.T) {
	for _, tag := range tags(t, render(t, joined(t))) {
		if slices.Contains([]string{"script", "iframe", "img", "object", "form"}, tag.Data) {
			t.Errorf("a <%s>", tag.Data)
		}
		for _, a := range tag.Attr {
			if (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#") && a.Val != "data:," || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s=%q>", tag.Data, a.Key, a.Val)
			}
		}
	}
}

// Links lead to what is there, and ids are unique.
func TestAnchors(t *testing.T) {
	ids, links := map[string]bool{}, []string{}
	for _, tag := range tags(t, render(t, joined(t))) {
		for _, a := range tag.Attr {
			if a.Key == "id" && ids[a.Val] {
				t.Errorf("id %q twice", a.Val)
			}
			switch {
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				links = append(links, a.Val[1:])
			case a.Key == "aria-labelledby":
				links = append(links, a.Val)
			}
		}
	}
	for _, link := range links {
		if !ids[link] {
			t.Errorf("nothing has the id %q", link)
		}
	}
}

var numbers = regexp.MustCompile(`\d+(\.\d+)?`)

// Every number that people read stands in report.json, but for rounding; those
// of the page itself are the axis and the confidence.
func TestNumbersComeFromTheReport(t *testing.T) {
	content, err := Encode(joined(t))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"95": true, "0": true, "25": true, "50": true, "75": true, "100": true}
	decoder := json.NewDecoder(bytes.NewReader(content))
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		switch value := token.(type) {
		case float64:
			for _, format := range []string{"%.0f", "%.1f", "%.3f"} {
				known[fmt.Sprintf(format, value)] = true
			}
		case string:
			for _, number := range numbers.FindAllString(value, -1) {
				known[number] = true
			}
			// Commits are cut.
			for _, number := range numbers.FindAllString(value[:min(len(value), 12)], -1) {
				known[number] = true
			}
		}
	}
	shownNumbers := numbers.FindAllString(text(t, render(t, joined(t))), -1)
	if len(shownNumbers) < 100 {
		t.Errorf("only %d numbers", len(shownNumbers))
	}
	for _, number := range shownNumbers {
		if !known[number] {
			t.Errorf("%s stands in no report", number)
		}
	}
}

var hostileTexts = []string{
	`</style></title></script><script>alert(1)</script><img src=x onerror=alert(1)>`,
	`"><a href="javascript:alert(1)">`, `{{.}}<!--`, "`'\"&amp;", "\u202egnp.exe\u2066\u200b\ufeff\u00ad", "a\x00\x1b[31m\xff\xfe",
	"e" + strings.Repeat("\u0301", 50), strings.Repeat("long ", 1<<16), strings.Repeat("\u202e", 1000),
}

// Whatever text stands wherever text can stand, the page has the same elements
// with the same names, and nothing invisible.
func TestHostileText(t *testing.T) {
	for i, hostile := range hostileTexts {
		checkHostile(t, fmt.Sprintf("text %d", i), hostile)
	}
}

func FuzzHostileText(f *testing.F) {
	for _, hostile := range hostileTexts {
		f.Add(hostile)
	}
	f.Fuzz(func(t *testing.T, hostile string) { checkHostile(t, "fuzzed", hostile) })
}

func checkHostile(t *testing.T, name, hostile string) {
	t.Helper()
	page := render(t, replaced(t, hostile))
	if diff := cmp.Diff(structure(t, render(t, replaced(t, "harmless"))), structure(t, page)); diff != "" {
		t.Errorf("%s changes the page: %s", name, diff)
	}
	if !utf8.ValidString(page) || len(page) > 1<<20 {
		t.Errorf("%s: not UTF-8, or %d bytes", name, len(page))
	}
	marks := 0
	for _, r := range html.UnescapeString(page) {
		marks++
		if !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if hidden(r) || marks > maxMarks {
			t.Fatalf("%s: the page has the character %U", name, r)
		}
	}
}

// replaced is the sample with a text in place of every text.
func replaced(t *testing.T, text string) Report {
	t.Helper()
	content, err := Encode(joined(t))
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(content, &value); err != nil {
		t.Fatal(err)
	}
	if content, err = json.Marshal(replace(value, text)); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Kinds {
		for j, a := range r.Kinds[i].Arms {
			if a.Effort != nil && a.Effort.Episodes != nil {
				r.Kinds[i].Arms[j].Effort.Episodes.Endings = map[string]int{text: 1}
			}
		}
	}
	r.Holdout.Refused = map[string]int{text: 1}
	return r
}

func replace(value any, text string) any {
	switch v := value.(type) {
	case string:
		return text
	case []any:
		for i := range v {
			v[i] = replace(v[i], text)
		}
	case map[string]any:
		for key := range v {
			// The arms stay: cells are found by them.
			if key != "arm" && key != "name" {
				v[key] = replace(v[key], text)
			} else if _, plain := v[key].(string); plain && v["successes"] == nil && v["solved"] == nil {
				v[key] = text
			}
		}
	}
	return value
}

func parse(t testing.TB, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func tags(t testing.TB, page string) []*html.Node {
	var list []*html.Node
	for n := range parse(t, page).Descendants() {
		if n.Type == html.ElementNode {
			list = append(list, n)
		}
	}
	return list
}

// structure is the page without its texts.
func structure(t testing.TB, page string) []string {
	var list []string
	for _, tag := range tags(t, page) {
		line := tag.Data
		for _, a := range tag.Attr {
			line += " " + a.Key
			if a.Key == "id" || a.Key == "href" || a.Key == "class" {
				line += "=" + a.Val
			}
		}
		list = append(list, line)
	}
	return list
}

// text is what people read, words apart by one space.
func text(t testing.TB, page string) string {
	var out strings.Builder
	for n := range parse(t, page).Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			out.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
