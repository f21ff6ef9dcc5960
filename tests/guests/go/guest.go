// A shard in Go: one tool, one request. How calls and values cross the border stands in abi.go.
package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const usersURL = "https://graph.microsoft.com/v1.0/users?$select=displayName&$top=%d"

var countUsers = tool{
	name:        "go_count_users",
	title:       "Count users (Go)",
	description: "Reads up to `top` users of the directory and returns their number and names.",
	inputSchema: `{"type":"object","properties":{"top":{"type":"integer","minimum":1,"maximum":999,"default":5,` +
		`"description":"How many users to read at most."}},"additionalProperties":false}`,
	outputSchema: `{"type":"object","properties":{"count":{"type":"integer"},"names":{"type":"array",` +
		`"items":{"type":"string","x-nexus-class":"person"}}},"required":["count","names"],"additionalProperties":false}`,
}

// call answers one tool call with the data of its output.
func call(name, arguments string) (string, *toolError) {
	if name != countUsers.name {
		return "", &toolError{notFound, "this shard has no such tool"}
	}
	asked := struct {
		Top int `json:"top"`
	}{Top: 5}
	decoder := json.NewDecoder(strings.NewReader(arguments))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil || asked.Top < 1 || asked.Top > 999 {
		return "", &toolError{invalidArguments, "top is a whole number from 1 to 999"}
	}

	answer, no := send(request{method: "GET", url: fmt.Sprintf(usersURL, asked.Top), credential: "graph"})
	switch {
	case no == nil:
	case no.upstream():
		return "", &toolError{upstream, "the directory did not answer"}
	default:
		return "", &toolError{refused, "the host refused the request to the directory"}
	}
	if answer.status != 200 {
		return "", &toolError{upstream, fmt.Sprintf("the directory answered %d", answer.status)}
	}

	// A pointer tells a missing list from an empty one: an answer without it is a failure and no empty directory.
	var page struct {
		Value *[]struct {
			DisplayName *string `json:"displayName"`
		} `json:"value"`
	}
	// encoding/json puts a replacement character where bytes are no UTF-8; a name so changed would be a false one.
	if err := json.Unmarshal(answer.body, &page); err != nil || page.Value == nil || !utf8.Valid(answer.body) {
		return "", &toolError{upstream, "the directory's answer is not a list of users"}
	}
	found := struct {
		Count int      `json:"count"`
		Names []string `json:"names"`
	}{Names: []string{}}
	for _, user := range *page.Value {
		if user.DisplayName != nil {
			found.Names = append(found.Names, *user.DisplayName)
		}
	}
	found.Count = len(found.Names)
	data, err := json.Marshal(found)
	if err != nil {
		return "", &toolError{internal, "the result cannot be written as JSON"}
	}
	return string(data), nil
}

// A reactor has no main; the linker wants one.
func main() {}
