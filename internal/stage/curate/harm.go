package curate

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/agent"
	"github.com/repoexpert/operator/internal/task"
)

// A trajectory is played without a network and with nobody's credentials. A
// command that wants either was not needed, and must not be learned.

// networkPrograms exist to reach other machines.
var networkPrograms = []string{
	"curl", "wget", "nc", "ncat", "netcat", "socat", "ssh", "scp", "sftp", "ftp", "tftp", "telnet", "nslookup", "dig", "host", "aria2c", "lynx",
}

// before are programs that run the one in their arguments.
var before = []string{"sudo", "env", "exec", "nohup", "time", "command", "xargs", "then", "do", "else", "if", "while", "!"}

var (
	// reaching finds what other programs reach the network with.
	reaching = regexp.MustCompile(`/dev/(?:tcp|udp)/|\bgit\s+(?:push|remote\s+add|(?:clone|fetch|pull)\s+\S*://)|\bs_client\b|--(?:extra-)?index-url\b|\brsync\b[^\n]*\S:`)
	// credentials finds files that hold some, by their usual places.
	credentials = regexp.MustCompile(`(?:~|\$HOME|/root|/home/\w+)/\.(?:ssh|aws|gnupg|kube|docker|netrc|npmrc|pypirc|git-credentials)\b|/etc/(?:shadow|passwd)\b|/proc/(?:self|\d+)/environ\b|/(?:var/)?run/secrets\b`)
	// sending finds code that sends what it reads from files or the environment.
	sending   = regexp.MustCompile(`\b(?:urlopen|urllib\.request|requests\.(?:get|post|put)|http\.client|socket\.(?:socket|create_connection)|smtplib|ftplib)\b`)
	readsData = regexp.MustCompile(`\b(?:environ|getenv|open\(|read_text|read_bytes)`)
	// separators end a command.
	separators = regexp.MustCompile(`[|;&(){}\n` + "`" + `]+|\$\(`)
	// scripts are handed to a shell as an argument.
	scripts = regexp.MustCompile(`\b(?:ba|da|z)?sh\s+-\w*c\s+(?:'([^']*)'|"([^"]*)")`)
	// assignment sets a variable for the command after it.
	assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
)

// reachesOutside says whether a command uses the network or reads credentials.
func reachesOutside(command string) bool {
	commands, fed := splitFed(command)
	if reaching.MatchString(commands) || credentials.MatchString(commands) || sending.MatchString(commands) && readsData.MatchString(commands) {
		return true
	}
	for _, script := range scripts.FindAllStringSubmatch(commands, -1) {
		if reachesOutside(script[1] + script[2]) {
			return true
		}
	}
	for _, part := range separators.Split(commands, -1) {
		if slices.Contains(networkPrograms, program(part)) {
			return true
		}
	}
	return fed != "" && sending.MatchString(fed) && credentials.MatchString(fed)
}

// splitFed returns the command lines and, apart, the texts that they are fed. One
// without its end goes on to the end: a fence in a text cuts the action there.
func splitFed(command string) (commands, fed string) {
	var lines, texts []string
	end := ""
	for line := range strings.SplitSeq(command, "\n") {
		match := hereDocument.FindStringSubmatch(line)
		switch {
		case end != "" && strings.TrimLeft(line, "\t") == end:
			end = ""
		case end != "":
			texts = append(texts, line)
		default:
			lines = append(lines, line)
			if match != nil {
				end = match[2]
			}
		}
	}
	return strings.Join(lines, "\n"), strings.Join(texts, "\n")
}

// program is what a part of a command line runs.
func program(part string) string {
	for _, field := range strings.Fields(part) {
		name := path.Base(field)
		if assignment.MatchString(field) || strings.HasPrefix(field, "-") || slices.Contains(before, name) {
			continue
		}
		return name
	}
	return ""
}

// weaknesses are constructs that switch a protection off, execute what comes from
// outside, or are broken cryptography: after the rules of Bandit (B303 to B324,
// B501, B507, B602, B605) and gosec (G402, G106, G405), without those that sound
// code breaks often.
var weaknesses = regexp.MustCompile(`(?m)` + strings.Join([]string{
	// Certificates, host keys and signatures that nobody checks.
	`\bverify\s*=\s*False\b`, `_create_unverified_context\b`, `\bCERT_NONE\b`, `\bcheck_hostname\s*=\s*False\b`,
	`\bInsecureSkipVerify:\s*true\b`, `\bAutoAddPolicy\b`, `\bInsecureIgnoreHostKey\b`, `\bssl\s*=\s*False\b`, `verify_signature\W{1,5}False\b`,
	// What is executed.
	`(?:^|[=(,:;\[{]|\breturn|\bnot|\band|\bor|\bin)\s*(?:eval|exec)\(\s*[^'")\s]`, `\bos\.(?:system|popen)\(`, `\bshell\s*=\s*True\b`, `__import__\(['"](?:os|subprocess)['"]\)`,
	`\byaml\.load\([^)\n]*\bLoader\s*=\s*(?:yaml\.)?(?:Unsafe|Full)?Loader\b`,
	// Cryptography.
	`(?i)\b(?:md5|sha1)\([^)\n]*(?:passw|secret|salt)`, `(?i)(?:token|passw|secret|nonce)\w*\s*=[^\n]*\brandom\.(?:random|randint|choice|randrange)\(`,
	`\bMODE_ECB\b`, `\b(?:DES3?|ARC[24]|Blowfish)\.new\(`, `\b(?:des|rc4)\.New(?:TripleDES)?Cipher\(`,
}, "|"))

// checkHarm drops a sample whose assistant reaches out of the sandbox, or writes
// code with a known weakness. A report may quote such code.
func checkHarm(sample task.Sample) string {
	for _, text := range saidBy(sample) {
		for _, action := range agent.Actions(text) {
			for _, form := range append(decodedIn(action), action) {
				switch {
				case reachesOutside(form):
					return dropReaches
				case sample.Meta.Unit != v1alpha1.UnitSoftwareDesign && weaknesses.MatchString(form):
					return dropWeakens
				}
			}
		}
	}
	return ""
}
