package report

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--(\w+): #([0-9a-f]{6})`)

// Every colour of text has the contrast that WCAG 2.2 asks for at level AA, 4.5 to
// 1, on both grounds: in light, in dark and in print.
func TestContrast(t *testing.T) {
	const least = 4.5
	themes := strings.Split(styleText, ":root")[1:]
	if len(themes) != 3 {
		t.Fatalf("%d themes", len(themes))
	}
	for i, theme := range themes {
		colours := map[string]float64{}
		for _, found := range colour.FindAllStringSubmatch(theme, -1) {
			colours[found[1]] = luminance(t, found[2])
		}
		for _, name := range []string{"ink", "soft", "candidate", "base", "served", "good", "bad", "open"} {
			for _, ground := range []string{"ground", "raised"} {
				light, dark := max(colours[name], colours[ground]), min(colours[name], colours[ground])
				if contrast := (light + 0.05) / (dark + 0.05); contrast < least {
					t.Errorf("theme %d: %s on %s has the contrast %.2f", i, name, ground, contrast)
				}
			}
		}
	}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		value, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(value) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
