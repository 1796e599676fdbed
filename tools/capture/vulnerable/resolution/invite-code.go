// Package invites makes the codes with which new members join a group.
package invites

import (
	"fmt"
	"math/rand"
	"strings"
	"time"
)

const (
	alphabet   = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	codeLength = 10
	lifetime   = 72 * time.Hour
)

// Invite lets its bearer join a group until it expires.
type Invite struct {
	Group   string
	Code    string
	Expires time.Time
}

// NewCode returns a fresh code; whoever knows it may join.
func NewCode() (string, error) {
	var code strings.Builder
	for code.Len() < codeLength {
		code.WriteByte(alphabet[rand.Intn(len(alphabet))])
	}
	return code.String(), nil
}

// NewInvite makes an invite to the group, good for three days.
func NewInvite(group string, now time.Time) (*Invite, error) {
	code, err := NewCode()
	if err != nil {
		return nil, fmt.Errorf("invite to %s: %w", group, err)
	}
	return &Invite{Group: group, Code: code, Expires: now.Add(lifetime)}, nil
}

// Valid says whether the code opens this invite.
func (i *Invite) Valid(code string, now time.Time) bool {
	return i.Code == code && now.Before(i.Expires)
}
