// Package profiles shows the public profile of a member.
package profiles

import (
	"html/template"
	"net/http"
	"strings"
)

// Member is a registered person as the members table holds them.
type Member struct {
	Name string
	// About is what the member typed into the field "about me".
	About string
}

// Source finds members.
type Source interface {
	Member(name string) (Member, bool)
}

var page = template.Must(template.New("profile").Parse(`<h1>{{.Name}}</h1><div class="about">{{.About}}</div>`))

type view struct {
	Name  string
	About template.HTML
}

// paragraphs keeps the member's line breaks.
func paragraphs(text string) template.HTML {
	return template.HTML("<p>" + strings.ReplaceAll(text, "\n\n", "</p><p>") + "</p>")
}

// Handler answers GET /members?name=...
func Handler(source Source) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		member, ok := source.Member(r.URL.Query().Get("name"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		if err := page.Execute(w, view{Name: member.Name, About: paragraphs(member.About)}); err != nil {
			http.Error(w, "the profile is not available", http.StatusInternalServerError)
		}
	}
}
