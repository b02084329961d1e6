package language

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// InventorySchema names the version of the document that inspectors write.
const InventorySchema = "repoexpert.dev/inventory/v1"

// ErrInventory is wrapped by every error about the content of an inventory. The
// document was written beside repository code, so it is hostile until checked.
var ErrInventory = errors.New("inventory refused")

// DefinitionKind says what a definition is.
type DefinitionKind string

// Kinds of definitions.
const (
	KindClass    DefinitionKind = "class"
	KindFunction DefinitionKind = "function"
	KindMethod   DefinitionKind = "method"
)

// Inventory is what a language's inspector found in one source tree.
type Inventory struct {
	Schema   string `json:"schema"`
	Language string `json:"language"`
	// Runtime is the version of the language that parsed the tree.
	Runtime string `json:"runtime"`
	// Truncated says why the walk ended early; empty when it did not.
	Truncated string        `json:"truncated"`
	Skipped   []SkippedFile `json:"skipped"`
	Errors    []FileError   `json:"errors"`
	Modules   []Module      `json:"modules"`
}

// SkippedFile was not read, for a reason of the inspector's own.
type SkippedFile struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// FileError is a file that could not be parsed.
type FileError struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

// Module is one source file.
type Module struct {
	// Path below the root of the tree, with slashes.
	Path string `json:"path"`
	// Name is the dotted module name; two files can share one.
	Name   string `json:"name"`
	IsTest bool   `json:"isTest"`
	Lines  int    `json:"lines"`
	// Names mentioned outside of definitions.
	Names       []string     `json:"names"`
	Imports     []Import     `json:"imports"`
	Definitions []Definition `json:"definitions"`
}

// Import is one imported name. Name is empty for a whole module and "*" for all
// of its names.
type Import struct {
	Module string `json:"module"`
	Name   string `json:"name"`
	Alias  string `json:"alias"`
	Line   int    `json:"line"`
}

// Definition is a class, function or method. Lines are 1-based and inclusive,
// columns are 0-based byte offsets. Names in Bases, Decorators, Raises and Calls
// are resolved as far as the tree tells: "<module>.<qualified name>" for what
// the tree defines.
type Definition struct {
	// Name is qualified inside the module, as in "Group.command".
	Name      string         `json:"name"`
	Kind      DefinitionKind `json:"kind"`
	StartLine int            `json:"startLine"`
	StartCol  int            `json:"startCol"`
	EndLine   int            `json:"endLine"`
	EndCol    int            `json:"endCol"`
	// BodyStartLine is the first line after the docstring; 0 without such a body.
	BodyStartLine int         `json:"bodyStartLine"`
	BodyEndLine   int         `json:"bodyEndLine"`
	Docstring     bool        `json:"docstring,omitempty"`
	Statements    int         `json:"statements"`
	Parameters    []Parameter `json:"parameters,omitempty"`
	// Returns is the source text of the declared type of the result; empty without
	// one.
	Returns    string   `json:"returns,omitempty"`
	Bases      []string `json:"bases,omitempty"`
	Decorators []string `json:"decorators,omitempty"`
	Raises     []string `json:"raises,omitempty"`
	// Calls is a lower bound of what is called: calls on values of unknown type
	// are missing. Names, every identifier mentioned, is the upper bound.
	Calls []string `json:"calls,omitempty"`
	Names []string `json:"names,omitempty"`
}

// Parameter of a function. Type and Default are source text, empty when there is
// none.
type Parameter struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Type    string `json:"type,omitempty"`
	Default string `json:"default,omitempty"`
}

// SimpleName is the last part of the definition's qualified name.
func (d Definition) SimpleName() string {
	return d.Name[strings.LastIndexByte(d.Name, '.')+1:]
}

// Nested says whether the definition is inside a function, where no other
// module can name it.
func (d Definition) Nested() bool {
	return strings.Contains(d.Name, ".<locals>.")
}

// BodyLines is the number of lines after the docstring.
func (d Definition) BodyLines() int {
	if d.BodyStartLine == 0 {
		return 0
	}
	return d.BodyEndLine - d.BodyStartLine + 1
}

// FullName is the dotted name by which resolved references name d.
func (m Module) FullName(d Definition) string {
	return m.Name + "." + d.Name
}

// InventoryLimits bound what ParseInventory accepts.
type InventoryLimits struct {
	// Bytes of the document.
	Bytes int64
	// Modules and Definitions in all.
	Modules     int
	Definitions int
	// Text is the longest name, default or path, in bytes.
	Text int
}

// DefaultInventoryLimits fit the inspector's own defaults with some room.
func DefaultInventoryLimits() InventoryLimits {
	return InventoryLimits{Bytes: 256 << 20, Modules: 6000, Definitions: 150_000, Text: 1024}
}

// ParseInventory reads one inventory and checks it against the limits and its
// own schema.
func ParseInventory(r io.Reader, limits InventoryLimits) (*Inventory, error) {
	bounded := &io.LimitedReader{R: r, N: limits.Bytes + 1}
	decoder := json.NewDecoder(bounded)
	inventory := &Inventory{}
	err := decoder.Decode(inventory)
	if bounded.N <= 0 {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrInventory, limits.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInventory, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: text after the document", ErrInventory)
	}
	if err := inventory.validate(limits); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInventory, err)
	}
	return inventory, nil
}

func (i *Inventory) validate(limits InventoryLimits) error {
	if i.Schema != InventorySchema {
		return fmt.Errorf("schema is %.40q, not %q", i.Schema, InventorySchema)
	}
	if len(i.Modules) > limits.Modules {
		return fmt.Errorf("more than %d modules", limits.Modules)
	}
	definitions := 0
	seen := make(map[string]bool, len(i.Modules))
	for _, module := range i.Modules {
		if seen[module.Path] {
			return fmt.Errorf("module %.80q is listed twice", module.Path)
		}
		seen[module.Path] = true
		if definitions += len(module.Definitions); definitions > limits.Definitions {
			return fmt.Errorf("more than %d definitions", limits.Definitions)
		}
		if err := module.validate(limits); err != nil {
			return fmt.Errorf("module %.80q: %w", module.Path, err)
		}
	}
	return nil
}

func (m Module) validate(limits InventoryLimits) error {
	if err := validatePath(m.Path, limits.Text); err != nil {
		return err
	}
	if err := validateTexts(limits.Text, append(slices.Clone(m.Names), m.Name)...); err != nil {
		return err
	}
	for _, definition := range m.Definitions {
		if err := definition.validate(m.Lines, limits); err != nil {
			return fmt.Errorf("definition %.80q: %w", definition.Name, err)
		}
	}
	return nil
}

// validatePath refuses what could leave the tree when it is joined to a root.
func validatePath(p string, longest int) error {
	if p == "" || len(p) > longest || path.IsAbs(p) || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") || strings.ContainsAny(p, "\x00\\\n") {
		return errors.New("path is empty, too long, absolute or not clean")
	}
	return nil
}

func (d Definition) validate(lines int, limits InventoryLimits) error {
	switch d.Kind {
	case KindClass, KindFunction, KindMethod:
	default:
		return fmt.Errorf("kind is %.20q", d.Kind)
	}
	if d.Name == "" {
		return errors.New("has no name")
	}
	if err := d.validatePlace(lines); err != nil {
		return err
	}
	for _, parameter := range d.Parameters {
		if err := validateTexts(limits.Text, parameter.Name, parameter.Type, parameter.Default); err != nil {
			return err
		}
	}
	for _, list := range [][]string{{d.Name, d.Returns}, d.Bases, d.Decorators, d.Raises, d.Calls, d.Names} {
		if err := validateTexts(limits.Text, list...); err != nil {
			return err
		}
	}
	return nil
}

// validatePlace checks the ranges of lines against the module's length.
func (d Definition) validatePlace(lines int) error {
	if d.StartLine < 1 || d.EndLine < d.StartLine || d.EndLine > lines || d.StartCol < 0 || d.EndCol < 0 {
		return fmt.Errorf("lines %d-%d are not within 1-%d", d.StartLine, d.EndLine, lines)
	}
	bodyless := d.BodyStartLine == 0 && d.BodyEndLine == 0
	if !bodyless && (d.BodyStartLine < d.StartLine || d.BodyEndLine < d.BodyStartLine || d.BodyEndLine > d.EndLine) {
		return fmt.Errorf("body lines %d-%d are not within %d-%d", d.BodyStartLine, d.BodyEndLine, d.StartLine, d.EndLine)
	}
	return nil
}

func validateTexts(longest int, texts ...string) error {
	for _, text := range texts {
		if len(text) > longest {
			return fmt.Errorf("text of %d bytes, allowed are %d", len(text), longest)
		}
	}
	return nil
}
