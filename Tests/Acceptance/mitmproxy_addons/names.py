"""DNS: answered here, refused, changed, and passed on."""

import ipaddress

from mitmproxy import dns


def dns_request(flow: dns.DNSFlow) -> None:
    question = flow.request.question
    if question.name == "here.test":
        flow.response = flow.request.succeed(
            [
                dns.ResourceRecord.A("here.test", ipaddress.IPv4Address("192.0.2.7"), ttl=5),
                dns.ResourceRecord.CNAME("here.test", "other.here.test"),
            ]
        )
    elif question.name == "refused.test":
        flow.response = flow.request.fail(dns.response_codes.REFUSED)
    elif question.name == "other.test":
        question.name = "asked.test"


def dns_response(flow: dns.DNSFlow) -> None:
    for answer in flow.response.answers:
        if answer.name == "changed.test":
            answer.ttl, answer.ipv4_address = 9, ipaddress.IPv4Address("192.0.2.9")
