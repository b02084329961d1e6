package recall

import (
	"fmt"

	"github.com/repoexpert/operator/internal/task"
)

// answerFormat tells a model that was not trained on it what form is scored.
const answerFormat = "You answer questions about the project %s. Reply with the answer alone: a file path, a name or a value. No sentence, no explanation."

// examples are true statements about another library (requests 2.32; those about types, 2.34), so they
// show the form of each kind's answers and nothing about the repository.
var examples = map[Kind][]Fact{
	DefinitionFile: {
		{Subject: "Session", Answer: "src/requests/sessions.py"},
		{Subject: "PreparedRequest", Answer: "src/requests/models.py"},
		{Subject: "HTTPAdapter", Answer: "src/requests/adapters.py"},
	},
	Bases: {
		{Subject: "HTTPAdapter", Answer: "BaseAdapter"},
		{Subject: "SSLError", Answer: "ConnectionError"},
		{Subject: "TooManyRedirects", Answer: "RequestException"},
	},
	Callers: {
		{Subject: "unquote_unreserved", Answer: "requote_uri"},
		{Subject: "dotted_netmask", Answer: "address_in_network"},
		{Subject: "is_valid_cidr", Answer: "should_bypass_proxies"},
	},
	Raises: {
		{Subject: "Session.get_adapter", Answer: "InvalidSchema"},
		{Subject: "Response.raise_for_status", Answer: "HTTPError"},
		{Subject: "unquote_unreserved", Answer: "InvalidURL"},
	},
	DefaultValue: {
		{Subject: "Response.iter_content", Parameter: "chunk_size", Answer: "1"},
		{Subject: "Response.iter_lines", Parameter: "chunk_size", Answer: "ITER_CHUNK_SIZE"},
		{Subject: "HTTPAdapter.__init__", Parameter: "max_retries", Answer: "DEFAULT_RETRIES"},
	},
	Callee: {
		{Subject: "HTTPBasicAuth.__call__", Answer: "_basic_auth_str"},
		{Subject: "RequestsCookieJar.__setitem__", Answer: "RequestsCookieJar.set"},
		{Subject: "PreparedRequest.prepare_method", Answer: "to_native_string"},
	},
	Owner: {
		{Subject: "cert_verify", Answer: "HTTPAdapter"},
		{Subject: "build_digest_header", Answer: "HTTPDigestAuth"},
		{Subject: "apparent_encoding", Answer: "Response"},
	},
	ImportSource: {
		{Subject: "BaseAdapter", Parameter: "src/requests/sessions.py", Answer: "requests.adapters"},
		{Subject: "HTTPBasicAuth", Parameter: "src/requests/models.py", Answer: "requests.auth"},
		{Subject: "DEFAULT_REDIRECT_LIMIT", Parameter: "src/requests/sessions.py", Answer: "requests.models"},
	},
	NextParameter: {
		{Subject: "HTTPAdapter.cert_verify", Parameter: "verify", Answer: "cert"},
		{Subject: "HTTPAdapter.get_connection", Parameter: "url", Answer: "proxies"},
		{Subject: "MockRequest.add_header", Parameter: "key", Answer: "val"},
	},
	ParameterType: {
		{Subject: "AuthBase.__call__", Parameter: "r", Answer: "PreparedRequest"},
		{Subject: "HTTPAdapter.__setstate__", Parameter: "state", Answer: "dict[str, Any]"},
		{Subject: "HTTPAdapter.cert_verify", Parameter: "verify", Answer: "_t.VerifyType"},
	},
	ReturnType: {
		{Subject: "HTTPAdapter.send", Answer: "Response"},
		{Subject: "CaseInsensitiveDict.__iter__", Answer: "Iterator[str]"},
		{Subject: "HTTPAdapter.get_connection", Answer: "HTTPConnectionPool"},
	},
}

// ExpertPrompt is what a trained model is asked: the question and nothing else.
func ExpertPrompt(question Question) []task.Message {
	return question.Messages()[:1]
}

// BasePrompt is what the untrained model is asked: the project's name, the form
// of the answer, and three examples in the same wording about another library.
// Without them the base model fails on form, and the comparison says nothing
// about knowledge.
func BasePrompt(project string, question Question) []task.Message {
	messages := []task.Message{{Role: task.RoleSystem, Content: fmt.Sprintf(answerFormat, project)}}
	wording := frames[question.Kind].evaluation[question.Wording]
	for _, example := range examples[question.Kind] {
		messages = append(messages,
			task.Message{Role: task.RoleUser, Content: fill(wording, quote(example.Subject), example.Parameter)},
			task.Message{Role: task.RoleAssistant, Content: example.Answer},
		)
	}
	return append(messages, task.Message{Role: task.RoleUser, Content: question.Text})
}
