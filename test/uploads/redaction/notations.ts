// Lines in which programs write secrets. HERE stands for the secret.

/** One notation a line. */
export const NOTATIONS: readonly string[] = String.raw`
password=HERE
password = HERE
password: HERE
"password": "HERE"
'password': 'HERE',
{\"password\":\"HERE\",\"n\":1}
{\\\"password\\\":\\\"HERE\\\"}
DB_PASSWORD=HERE
export FOO_SECRET='HERE and more'
ENV API_TOKEN=HERE
set PASSWORD=HERE
$env:API_TOKEN = "HERE"
run --token HERE --verbose
run --token=HERE
run --password 'HERE'
["--token","HERE"]
<password>HERE</password>
<ns:Password type="x">HERE</ns:Password>
<password><![CDATA[HERE]]></password>
<user name="bob" password="HERE"/>
<property name="db.password" value="HERE"/>
<string name="api_token">HERE</string>
{"name": "API_KEY", "value": "HERE"}
spring.datasource.password=HERE
jdbc:postgresql://h/db?user=bob&password=HERE&ssl=true
Server=h;User Id=bob;Password=HERE;Database=x
X-Api-Key: HERE
clientSecret=HERE
2026-01-01 ERROR login failed password=HERE user=bob
User(name=bob, password=HERE)
{User:bob Password:HERE}
password is HERE
the password "HERE" was refused
PGPASSWORD=HERE psql
config["password"] = "HERE"
password => "HERE"
"tokens":["HERE","HERE"]
userPassword:: HERE
bindpw: HERE
API key: HERE
//registry.example.com/:_authToken=HERE
DefaultEndpointsProtocol=https;AccountName=x;AccountKey=HERE;EndpointSuffix=core.windows.net
sshpass -p HERE ssh bob@h
mysql -u root -pHERE db
machine h login bob password HERE
curl -u bob:HERE http://h/
curl --proxy-user "bob:HERE" http://h/
ALTER USER bob IDENTIFIED BY 'HERE'
http://bob:HERE@h:3128/
http:\/\/bob:HERE@h\/
bob:HERE@proxy.example.com:3128
Authorization: Bearer HERE
authorization: HERE
> Proxy-Authorization: Basic Ym9iOlNFQ1JFVA==HERE
curl -H 'Authorization: Bearer HERE' http://h/
{"headers":{"authorization":"Bearer HERE"}}
{'Cookie': 'sid=HERE; a=b'}
'set-cookie': [ 'sid=HERE; Path=/' ]
passwd: "HERE"
"password": "HERE",
'password': 'HERE', 'user': 'bob'
{"user":"bob","password":"HERE"}
{\"user\":\"bob\",\"password\":\"HERE\"}
export DB_PASSWORD="HERE"
POSTGRES_PASSWORD: HERE
--password=HERE --user=bob
--password HERE --user bob
<add key="Password" value="HERE"/>
Server=db;Database=x;User Id=sa;Password=HERE;Encrypt=true
jdbc:mysql://h/db?user=bob&password=HERE&useSSL=true
2026-11-30T04:12:05 DEBUG connecting user=bob password=HERE host=db
2026-11-30T04:12:05 DEBUG login {user=bob, password=HERE, host=db}
Config(user=bob, passwd=HERE, port=1)
ansible_become_pass: HERE
smtp_pass=HERE
LDAP_BIND_PW=HERE
bind_password = HERE
bindpw HERE
userPassword: HERE
javax.net.ssl.keyStorePassword=HERE
-Djavax.net.ssl.trustStorePassword=HERE
requirepass HERE
passphrase: HERE
wpa_passphrase=HERE
psk="HERE"
PGPASSWORD='HERE' psql -h db
:password => "HERE",
password := "HERE"
$password = 'HERE';
os.environ["DB_PASSWORD"] = "HERE"
'pwd': 'HERE'
kennwort=HERE
mysql_root_password: 'HERE'
MYSQL_PWD=HERE
admin_password=HERE&submit=1
POST /login body: user=bob&password=HERE
client_secret=HERE&grant_type=client_credentials
secret: HERE
shared_secret=HERE
radius secret = HERE
proxyPassword=HERE
http.proxyPassword=HERE
sudo_password: "HERE"
AuthLDAPBindPassword "HERE"
masterauth HERE
{"value":"HERE","name":"db_password"}
auth=('password', 'HERE')
Passwort: HERE
mot de passe: HERE
motdepasse=HERE
contraseña: HERE
senha=HERE
wachtwoord=HERE
seed_phrase="HERE"
dbPassword: 'HERE'
"adminPwd":"HERE"
pwd=HERE;
Pwd=HERE;Database=x
--admin-password=HERE
-password HERE
SecretString='HERE'
"Password" : "HERE"
password="HERE" user="bob"
the password is HERE
<Password>HERE</Password>
my $password = "HERE";
let password: &str = "HERE";
String password = "HERE";
const dbPassword = 'HERE'
password=>HERE
password\\u003dHERE
password%3DHERE
keystore_pass=HERE
vnc_password=HERE
ssh-passphrase=HERE
root_pw=HERE
old_password=HERE&new_password=x
confirmPassword=HERE
X_PASSWORD: HERE
"passcode": "HERE"
token=HERE
token: "HERE"
"token":"HERE"
{"access_token":"HERE","expires_in":3600}
{\"access_token\":\"HERE\"}
access_token=HERE&token_type=bearer
refresh_token: HERE
API_KEY=HERE
api_key: HERE
"apiKey": "HERE"
apikey=HERE
x-auth-token: HERE
X-Vault-Token: HERE
X-Amz-Security-Token: HERE
PRIVATE-TOKEN: HERE
Ocp-Apim-Subscription-Key: HERE
client_secret: HERE
"clientSecret": "HERE"
AZURE_CLIENT_SECRET=HERE
--token HERE
--api-key=HERE
_auth = HERE
encryption_key: HERE
signing_key=HERE
SECRET_KEY_BASE=HERE
DJANGO_SECRET_KEY='HERE'
"private_key_id": "x", "secretKey": "HERE"
aws_session_token = HERE
<token>HERE</token>
<apiKey>HERE</apiKey>
csrf_token=HERE
JSESSIONID=HERE
PHPSESSID=HERE; path=/
session_token=HERE
webhook_secret: HERE
2026-11-30T04:12:05 DEBUG retry with token=HERE after 3 s
AccountKey=HERE;EndpointSuffix=core.windows.net
SharedAccessKey=HERE
{ name: 'API_TOKEN', value: 'HERE' }
npm_config__auth_token=HERE
master_key=HERE
license_key=HERE
hmac_key: HERE
id_token=HERE
bot_token: HERE
"auth_token": "HERE"
token => HERE
Token: HERE
x-access-token=HERE
'Private-Token': 'HERE'
GITHUB_TOKEN=HERE
export NPM_TOKEN=HERE
token HERE
oauth_token=HERE
bearer_token: HERE
jwt=HERE
sessionToken: HERE
X-CSRF-Token: HERE
apiSecret: 'HERE'
app_secret="HERE"
consumer_secret=HERE
storage_account_key=HERE
access-key: HERE
AWS_SESSION_TOKEN=HERE
VAULT_TOKEN=HERE
"secret_access_key": "HERE"
sas_token=HERE
deploy_key: HERE
"sessionId":"x","token":"HERE"
credentials=HERE
service_key: 'HERE'
?api_key=HERE&x=1
/v1/x?access_token=HERE
auth_key=HERE
device_token=HERE
id-token: HERE
http_proxy=http://bob:HERE@proxy.corp.net:3128
Using proxy http://bob:HERE@10.1.2.3:8080/
postgres://bob:HERE@db.corp.net:5432/app
mongodb+srv://bob:HERE@cluster0.example.mongodb.net/?retryWrites=true
redis://:HERE@cache:6379/0
amqp://bob:HERE@mq//
git clone https://bob:HERE@git.example.com/x.git
fatal: unable to access 'https://bob:HERE@git.example.com/x.git/': 403
"url":"https:\/\/bob:HERE@h.example.com\/x"
{\"proxy\":\"http://bob:HERE@proxy:3128\"}
ftp://bob:HERE@files.example.com/x
smtp://bob:HERE@mail.example.com:587
socks5h://bob:HERE@127.0.0.1:1080
url=https%3A%2F%2Fbob:HERE%40h.example.com%2Fx
sftp://bob:HERE@host/path, then
bob:HERE@proxy.corp.net:3128
proxy bob:HERE@10.1.2.3:3128 answered
https://HERE@git.example.com/x.git
https://x-access-token:HERE@github.com/a/b
ldap://bob:HERE@ldap.example.com/dc=x
clickhouse://bob:HERE@[2001:db8::1]:9000/x
export HTTPS_PROXY="http://bob:HERE@proxy.corp.net:3128"
Acquire::http::Proxy "http://bob:HERE@proxy:3128/";
proxy=http://bob:HERE@proxy
<url>https://bob:HERE@h.example.com/</url>
curl -u bob:HERE https://h/
curl -s --user bob:HERE -o x https://h/
curl -x http://p:1 --proxy-user 'bob:HERE' https://h/
COMMAND=/usr/bin/curl -sS -u bob:HERE https://h/
sshpass -p 'HERE' scp x h:
mysqldump --all-databases -uroot -pHERE > x
redis-cli -h cache -a HERE ping
ldapsearch -x -D cn=admin -w HERE -b dc=x
smbclient //h/s -U bob%HERE
mount.cifs //h/s /m -o username=bob,password=HERE
htpasswd -b /etc/x bob HERE
machine h.example.com login bob password HERE
ALTER USER bob IDENTIFIED BY 'HERE';
CREATE USER 'bob'@'%' IDENTIFIED BY 'HERE'
snmp-server community HERE ro
wget --user=bob --password=HERE https://h/
docker login -u bob -p HERE registry.example.com
psql "host=db user=bob password=HERE"
openssl pkcs12 -in x -passin pass:HERE -out y
net use \\h\s /user:bob HERE
ALTER ROLE bob WITH PASSWORD 'HERE';
CREATE LOGIN bob WITH PASSWORD = 'HERE'
sqlcmd -S h -U sa -P HERE -Q x
mongosh -u bob -p HERE db
zip -P HERE x.zip y
7z a -pHERE x.7z y
net use Z: \\h\s HERE /user:bob
xfreerdp /u:bob /p:HERE /v:h
echo HERE | sudo -S id
echo "bob:HERE" | chpasswd
echo HERE | docker login --username bob --password-stdin
SET PASSWORD FOR 'bob'@'%' = PASSWORD('HERE');
ipmitool -H h -U bob -P HERE power
lftp -u bob,HERE h
snmpget -v2c -c HERE h oid
az login -u bob -p HERE
mysqladmin -u root password 'HERE'
gpg --batch --passphrase HERE x
keytool -storepass HERE -keypass x
keytool -keypass HERE -alias x
openssl rsa -passout pass:HERE -in x
ansible-playbook -e ansible_password=HERE x
rsync --password=HERE x
ssh-keygen -N 'HERE' -f x
authorization: Bearer HERE
Proxy-Authorization: Bearer HERE
> Authorization: Bearer HERE
"Authorization": "Bearer HERE"
{"headers":{"authorization":"Bearer HERE","accept":"*/*"}}
{\"Proxy-Authorization\":\"Bearer HERE\"}
curl -H 'Authorization: Bearer HERE' https://api.example.com/
curl -H "Authorization: Bearer HERE" -X POST
Authorization=Bearer HERE
HTTP_AUTHORIZATION=Bearer HERE
['Authorization: Bearer HERE']
Headers: [Host: h, Authorization: Bearer HERE]
2026-11-30T04:12:05 DEBUG http-outgoing-0 >> Authorization: Bearer HERE
{'Authorization': 'Bearer HERE', 'Accept': '*/*'}
X-Authorization: Bearer HERE
proxy_set_header Authorization "Bearer HERE";
map[Authorization:[Bearer HERE] Accept:[*/*]]
{"name":"Authorization","value":"Bearer HERE"}
('Authorization', 'Bearer HERE')
headers.set("Authorization", "Bearer HERE")
<Authorization>Bearer HERE</Authorization>
<header name="Authorization" value="Bearer HERE"/>
RequestHeader set Authorization "Bearer HERE"
HTTP_PROXY_AUTHORIZATION=Bearer HERE
send: b'GET / HTTP/1.1\\r\\nHost: h\\r\\nAuthorization: Bearer HERE\\r\\n\\r\\n'
metadata={authorization=[Bearer HERE]}
url=%2F&h=Authorization%3A%20Bearer HERE
authorization => Bearer HERE
Authorization : Bearer HERE
--header="Authorization: Bearer HERE"
proxyAuthorization: 'Bearer HERE'
Cookie: sid=HERE
cookie: sid=HERE
Set-Cookie: sid=HERE; Path=/; HttpOnly
set-cookie: sid=HERE; Secure
"Cookie": "sid=HERE",
{"headers":{"cookie":"sid=HERE"}}
{\"cookie\":\"sid=HERE\"}
curl -b 'x' -H 'Cookie: sid=HERE' https://h/
< Set-Cookie: sid=HERE; Expires=Wed, 09 Jun 2027 10:18:14 GMT
{'set-cookie': ['sid=HERE; Path=/']}
HTTP_COOKIE=sid=HERE
2026-11-30T04:12:05 DEBUG << "Set-Cookie: sid=HERE; Path=/[\r][\n]"
map[Cookie:[sid=HERE]]
{"name":"Cookie","value":"sid=HERE"}
document.cookie="sid=HERE"
('Cookie', 'sid=HERE')
--cookie "sid=HERE"
session_cookie: sid=HERE
setCookie=sid=HERE
Cookie=sid=HERE
Set-Cookie: a=1; sid=HERE
Authorization: Digest username="bob", realm="x",\r\n response="HERE"
let password: &str = "HERE";
val password: String = "HERE"
.example.com	TRUE	/	TRUE	1790000000	sid	HERE
mot de passe : HERE
`
  .split('\n')
  .filter((line) => line !== '');
