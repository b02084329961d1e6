package report

import (
	_ "embed" // the template and the style sheet
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html.tmpl
var pageText string

//go:embed style.css
var styleText string

// pageTemplate escapes everything by where it stands; the style sheet is ours.
var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(styleText) },
}).Parse(pageText))

// WriteHTML writes report.html: one file that needs no network and no script.
func WriteHTML(out io.Writer, r Report) error {
	if err := pageTemplate.Execute(out, newPage(r)); err != nil {
		return fmt.Errorf("write the page of the report: %w", err)
	}
	return nil
}
