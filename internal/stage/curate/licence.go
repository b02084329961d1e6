package curate

import (
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/licensecheck"

	"github.com/repoexpert/operator/internal/snapshot"
)

const (
	// maxLicences bounds how many files are listed, the outermost first: a tree of
	// vendored code has one each.
	maxLicences = 20
	// maxLicence bounds such a file, in bytes; the longest known licence has 35 KiB.
	maxLicence = 256 << 10
)

var licenceName = regexp.MustCompile(`(?i)^(un)?(licen[cs]es?|copying)([-._].*)?$`)

// Licence is what a licence file of the snapshot says.
type Licence struct {
	Path string `json:"path"`
	// IDs are SPDX identifiers of the licences whose text it holds; none when the
	// text is no known licence.
	IDs []string `json:"ids"`
	// Percent of the file's text that is that of known licences.
	Percent int `json:"percent"`
}

// licencesOf reads the licence files of a tree, those nearest to the root first.
func licencesOf(tree *snapshot.Snapshot) ([]Licence, error) {
	var paths []string
	for _, file := range tree.Files() {
		if isLicence(path.Base(file.Path)) && showable(file.Path) && file.Size <= maxLicence {
			paths = append(paths, file.Path)
		}
	}
	slices.SortStableFunc(paths, func(a, b string) int { return depth(a) - depth(b) })
	licences := []Licence{}
	for _, name := range paths[:min(len(paths), maxLicences)] {
		content, err := tree.Read(name)
		if err != nil {
			return nil, fmt.Errorf("reading the snapshot: %w", err)
		}
		licences = append(licences, licenceOf(name, content))
	}
	return licences, nil
}

// isLicence tells a licence file, as LICENSE-MIT.txt or COPYING.LESSER, from code
// about licences: it has an extension of text, or one that is no extension.
func isLicence(name string) bool {
	extension := path.Ext(name)
	text := slices.Contains([]string{".txt", ".md", ".rst"}, strings.ToLower(extension))
	return licenceName.MatchString(name) && (text || extension == strings.ToUpper(extension))
}

// showable says whether a path can stand in a table of the card: it is the
// repository's own text.
func showable(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("`|<>", r) })
}

func depth(name string) int { return strings.Count(name, "/") }

func licenceOf(name string, content []byte) Licence {
	coverage := licensecheck.Scan(content)
	licence := Licence{Path: name, IDs: []string{}, Percent: int(math.Round(coverage.Percent))}
	for _, match := range coverage.Match {
		if !slices.Contains(licence.IDs, match.ID) {
			licence.IDs = append(licence.IDs, match.ID)
		}
	}
	slices.Sort(licence.IDs)
	return licence
}
