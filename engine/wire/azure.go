package wire

import (
	"net/url"

	"github.com/sallyport-ai/sallyport/engine"
)

// AzureOpenAI is a target's side of OpenAI's API as Azure serves it: in the paths
// of deployments, with a dated version in the query, or, where the target's version
// is not a date, in OpenAI's own paths below a base URL that ends in /openai/v1.
type AzureOpenAI struct{ OpenAI }

// WriteRequest implements Egress. The model is the deployment.
func (a AzureOpenAI) WriteRequest(req *engine.Request, up *Upstream) (*UpstreamRequest, error) {
	out, err := a.OpenAI.WriteRequest(req, azureUpstream(up))
	if err != nil {
		return nil, err
	}
	switch {
	case azureDated(up.Version):
		out.Path = "/openai/deployments/" + url.PathEscape(up.Model) + out.Path
		fallthrough
	case up.Version != "" && up.Version != "v1": // preview, latest
		out.Query = "api-version=" + url.QueryEscape(up.Version)
	}
	return out, nil
}

// NewReader implements Egress.
func (a AzureOpenAI) NewReader(req *engine.Request, up *Upstream) ReplyReader {
	return a.OpenAI.NewReader(req, azureUpstream(up))
}

// azureUpstream is up with Azure's traits, unless others were declared.
func azureUpstream(up *Upstream) *Upstream {
	if up.Server.Name != "" && up.Server.Name != "generic" {
		return up
	}
	with := *up
	with.Server, _ = ServerFor("azure")
	return &with
}

// azureDated says whether a version is one of the dated ones, such as 2024-10-21 or
// 2025-04-01-preview.
func azureDated(version string) bool {
	return len(version) >= len("2006-01-02") && version[0] >= '0' && version[0] <= '9'
}
