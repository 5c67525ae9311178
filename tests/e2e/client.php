<?php
// How programs written for SMTPeter speak to it: a class of theirs that takes 200 to 202 for success, and reads JSON
// only where the Content-Type says exactly that; and a plain call with curl, as its documentation shows.

class Client
{
    public function __construct(private string $url, private string $token)
    {
    }

    public function post(string $method, array $properties): mixed
    {
        return $this->call("POST", $method, [], json_encode($properties));
    }

    public function get(string $method, array $parameters = []): mixed
    {
        return $this->call("GET", $method, $parameters, null);
    }

    public function delete(string $method): mixed
    {
        return $this->call("DELETE", $method, [], null);
    }

    private function call(string $verb, string $method, array $parameters, ?string $body): mixed
    {
        $query = http_build_query(["access_token" => $this->token] + $parameters);
        $curl = curl_init("{$this->url}/v1/{$method}?{$query}");
        curl_setopt($curl, CURLOPT_CUSTOMREQUEST, $verb);
        curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
        curl_setopt($curl, CURLOPT_TIMEOUT, 30);
        if ($body !== null) {
            curl_setopt($curl, CURLOPT_HTTPHEADER, ["Content-Type: application/json"]);
            curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
        }
        $answer = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($status < 200 || $status > 202) {
            throw new Exception($answer);
        }
        if (curl_getinfo($curl, CURLINFO_CONTENT_TYPE) !== "application/json") {
            return $answer;
        }
        return json_decode($answer, true);
    }
}

[, $url, $token, $recipient] = $argv;
$client = new Client($url, $token);
$told = [];

$told["sent"] = $client->post("send", [
    "envelope" => "me@example.com",
    "recipient" => [$recipient],
    "from" => "Jürgen <me@example.com>",
    "to" => $recipient,
    "subject" => "Grüße aus PHP",
    "html" => "<p>Hello from a class.</p>",
    "text" => "Hello from a class.",
    "tags" => ["php"],
    "trackclicks" => false,
    "trackopens" => false,
]);
$id = array_key_first($told["sent"]);
$told["recipient"] = $client->get("recipient/{$id}");
$told["envelope"] = $client->get("envelope/{$id}");
$told["text"] = $client->get("text/{$id}");
$told["html"] = $client->get("html/{$id}");
$told["headers"] = $client->get("headers/{$id}");
$told["domains"] = array_column($client->get("domains"), "name");
$told["resent"] = $client->post("resend", ["message" => $id]);
$template = $client->post("template", [
    "name" => "from-php",
    "subject" => "Hello {\$firstname}",
    "from" => ["name" => "Shop", "address" => "me@example.com"],
    "content" => ["blocks" => [["type" => "text", "content" => "Dear {\$firstname}, hello."]]],
]);
$told["template"] = is_int($template["id"]);
$told["templated"] = $client->post("send", [
    "recipients" => [$recipient => ["firstname" => "Ann"]],
    "template" => $template["id"],
]);
$client->delete("template/{$template["id"]}");
try {
    $client->post("send", ["recipient" => $recipient, "from" => "me@stranger.example", "text" => "x"]);
} catch (Exception $error) {
    $told["stranger"] = json_decode($error->getMessage(), true)["error"];
}

// As a form, without a class.
$curl = curl_init("{$url}/v1/send?access_token={$token}");
curl_setopt_array($curl, [
    CURLOPT_POST => true,
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_POSTFIELDS => http_build_query([
        "recipients" => [$recipient],
        "from" => "me@example.com",
        "subject" => "A form",
        "text" => "Hello from a form.",
        "tags" => ["php", "form"],
        "trackclicks" => "false",
        "dsn" => ["notify" => "NEVER"],
    ]),
]);
$told["form"] = json_decode(curl_exec($curl), true);

echo json_encode($told);
