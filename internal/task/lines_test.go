package task

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func collect(document string, limits Limits) ([]HeldOut, error) {
	var values []HeldOut
	err := Decode(strings.NewReader(document), limits, func(_ int, value HeldOut) error {
		values = append(values, value)
		return nil
	})
	return values, err
}

func TestDecode(t *testing.T) {
	limits := Limits{Bytes: 64, LineBytes: 24, Lines: 3}
	cases := map[string]struct {
		document string
		want     int
		message  string
	}{
		"nothing":          {document: "", want: 0},
		"three lines":      {document: "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{}\n", want: 3},
		"too many lines":   {document: "{}\n{}\n{}\n{}\n", want: 3, message: "more than 3 lines"},
		"a long line":      {document: `{"id":"` + strings.Repeat("x", 30) + "\"}\n", message: "line 1: longer than the limit of 24 bytes"},
		"too many bytes":   {document: strings.Repeat("{\"id\":\"0123456789\"}\n", 4), message: "more than 64 bytes"},
		"a torn last line": {document: "{}\n{\"id\":", want: 1, message: "line 2 is cut short"},
		"an empty line":    {document: "{}\n\n{}\n", want: 1, message: "line 2"},
		"another type":     {document: "{\"id\":7}\n", message: "line 1"},
		"two in a line":    {document: "{} {}\n", message: "line 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := collect(c.document, limits)
			if len(got) != c.want {
				t.Errorf("%d values, want %d", len(got), c.want)
			}
			switch {
			case c.message == "" && err != nil:
				t.Error(err)
			case c.message != "" && (!errors.Is(err, ErrLines) || !strings.Contains(err.Error(), c.message)):
				t.Errorf("error is %v, want %q", err, c.message)
			}
		})
	}
}

// A visitor may count what cannot be read and go on; what is behind a long line is
// not lost with it.
func TestScanGoesOn(t *testing.T) {
	limits := Limits{Bytes: 1 << 20, LineBytes: 100 << 10, Lines: 10}
	long := strings.Repeat("x", 100<<10)
	cases := map[string]struct {
		document string
		want     []string
	}{
		"a long line in the middle": {"a\n" + long + "\nb\n", []string{"a\n", "long", "b\n"}},
		"two long lines":            {long + "\n" + long + long + "\nb\n", []string{"long", "long", "b\n"}},
		"a line of just the limit":  {long[1:] + "\n", []string{long[1:] + "\n"}},
		"a long last line, torn":    {"a\n" + long + "x", []string{"a\n", "long"}},
		"a torn last line":          {"a\nb", []string{"a\n", "cut"}},
		"an empty line":             {"\n", []string{"\n"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			err := Scan(strings.NewReader(c.document), limits, func(number int, line []byte, err error) error {
				switch {
				case number != len(got)+1:
					t.Errorf("number %d after %d lines", number, len(got))
				case errors.Is(err, ErrLong):
					got = append(got, "long")
				case err != nil:
					got = append(got, "cut")
				default:
					got = append(got, string(line))
				}
				return nil
			})
			if err != nil || !cmp.Equal(c.want, got) {
				t.Errorf("%v (-want +got):\n%.500s", err, cmp.Diff(c.want, got))
			}
		})
	}
}

func TestVisitorStops(t *testing.T) {
	stop := errors.New("enough")
	err := Decode(strings.NewReader("{}\n{}\n"), DefaultLimits(), func(number int, _ HeldOut) error {
		if number == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		var values []HeldOut
		for _, text := range texts {
			values = append(values, HeldOut{ID: "id", Text: text})
		}
		var document bytes.Buffer
		if err := Encode(&document, values); err != nil {
			t.Fatal(err)
		}
		got, err := collect(document.String(), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), HeldOutFile)
	want := []HeldOut{{ID: "a", Text: "return <1>\n"}, {ID: "b"}}
	if err := WriteFile(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile[HeldOut](path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := WriteFile(path, want); err == nil {
		t.Error("an existing file was replaced")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("{}\n{\"id\":\"a\"}\n")
	f.Add("\n")
	f.Fuzz(func(t *testing.T, document string) {
		values, err := collect(document, Limits{Bytes: 1 << 16, LineBytes: 1 << 10, Lines: 100})
		if err == nil && len(values) != strings.Count(document, "\n") {
			t.Errorf("%d values from %d lines", len(values), strings.Count(document, "\n"))
		}
	})
}
