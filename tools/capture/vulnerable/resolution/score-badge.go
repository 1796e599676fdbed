// Package badges draws the small badges that players put on their pages.
package badges

import (
	"fmt"
	"html/template"
	"io"
)

// Player is who the badge is about; Nick was chosen by the player.
type Player struct {
	Nick  string
	Score int
}

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="160" height="24">{{.}}</svg>`

var badge = template.Must(template.New("badge").Parse(svg))

func colour(score int) string {
	if score >= 1000 {
		return "gold"
	}
	return "silver"
}

// Draw writes a player's badge as SVG.
func Draw(w io.Writer, player Player) error {
	text := fmt.Sprintf(`<text y="16" fill="%s">%s: %d</text>`, colour(player.Score), player.Nick, player.Score)
	if err := badge.Execute(w, template.HTML(text)); err != nil {
		return fmt.Errorf("badge of %q: %w", player.Nick, err)
	}
	return nil
}
